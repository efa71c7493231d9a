import type { Pool } from '@muslin/api';
import { ALL } from '@muslin/api';
import { type Family, formatIp, formatJson, mustPrefix, parseJson, prefixCovers } from '@muslin/net';
import {
  type AllocationRequest,
  affinityFromSpec,
  type Block,
  blockFromSpec,
  DEFAULT_IPAM_CONFIG,
  type Effect,
  type Input,
  type IpamKind,
  ipAt,
  keptIn,
  type StoreAnswer,
  type StoredObject,
  type StoreRequest,
} from '../src/index.ts';

/** A store with versions, like the API server's, but one request at a time. */
export class World {
  readonly objects = new Map<string, StoredObject>();

  clone(): World {
    const copy = new World();
    for (const [key, object] of this.objects) copy.objects.set(key, object);
    for (const [key, version] of this.#tombs) copy.#tombs.set(key, version);
    return copy;
  }

  /** Content and versions, as text. */
  key(): string {
    return formatJson([...this.objects].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  of(kind: IpamKind): StoredObject[] {
    return [...this.objects.values()].filter(object => object.kind === kind);
  }

  blocks(): Block[] {
    return this.of('IPAMBlock').map(object => {
      const block = blockFromSpec(object.spec);
      if (!block.ok) throw new Error(block.fault.message);
      return block.value;
    });
  }

  /** The addresses that a node keeps, as text. */
  keptBy(node: string): string[] {
    return this.of('IPAMBlock').flatMap(({ metadata, spec }) => {
      const block = blockFromSpec(spec);
      if (!block.ok || block.value.owner?.name !== node) return [];
      return [...keptIn(metadata, block.value)].map(ordinal => formatIp(ipAt(block.value, ordinal)));
    });
  }

  put(object: StoredObject): void {
    this.#store(object);
  }

  perform = (effect: Effect): Input =>
    effect.type === 'all'
      ? { type: 'all', answers: effect.requests.map(request => this.#one(request)) }
      : this.#one(effect);

  #one(effect: StoreRequest): StoreAnswer {
    switch (effect.type) {
      case 'read': {
        const object = this.objects.get(`${effect.kind}/${effect.name}`);
        return object === undefined ? { type: 'absent' } : { type: 'found', object };
      }
      case 'list': {
        const { kind, node, within } = effect;
        const objects = this.of(kind).filter(object => {
          const cidr = mustPrefix((object.spec as { cidr: string }).cidr);
          if (within !== undefined && !prefixCovers(within, cidr)) return false;
          if (node === undefined) return true;
          const affinity = affinityFromSpec(object.spec);
          return affinity.ok && affinity.value.owner.name === node;
        });
        return { type: 'listed', objects };
      }
      case 'create': {
        if (this.objects.has(keyOf(effect.object))) return { type: 'conflict' };
        return { type: 'written', object: this.#store(effect.object) };
      }
      case 'update': {
        const found = this.objects.get(keyOf(effect.object));
        if (found === undefined) return { type: 'absent' };
        if (found.metadata.resourceVersion !== effect.object.metadata.resourceVersion)
          return { type: 'conflict' };
        return { type: 'written', object: this.#store(effect.object) };
      }
      case 'delete': {
        const key = `${effect.kind}/${effect.name}`;
        const found = this.objects.get(key);
        if (found === undefined) return { type: 'absent' };
        if (found.metadata.resourceVersion !== effect.resourceVersion) return { type: 'conflict' };
        this.objects.delete(key);
        this.#tombs.set(key, Number(found.metadata.resourceVersion));
        return { type: 'deleted' };
      }
      default:
        return effect satisfies never;
    }
  }

  /** Versions of deleted objects, so that a new life never has an old version. */
  readonly #tombs = new Map<string, number>();

  #store(object: StoredObject): StoredObject {
    const key = keyOf(object);
    const before = Number(this.objects.get(key)?.metadata.resourceVersion ?? this.#tombs.get(key) ?? 0);
    const stored = {
      ...object,
      // As a JSON API stores it: no shared references, no undefined fields.
      spec: parseJson(formatJson(object.spec)),
      metadata: { ...object.metadata, resourceVersion: String(before + 1) },
    };
    this.objects.set(key, stored);
    return stored;
  }
}

function keyOf(object: StoredObject): string {
  return `${object.kind}/${object.metadata.name}`;
}

/** A pool with defaults. */
export function pool(cidr: string, blockSize: number, more: Partial<Pool> = {}): Pool {
  return {
    name: `pool-${cidr.replace(/[.:/]/g, '-')}`,
    cidr: mustPrefix(cidr),
    blockSize,
    natOutgoing: false,
    disabled: false,
    disableBgpExport: false,
    ipipMode: 'Never',
    vxlanMode: 'Never',
    nodeSelector: ALL,
    namespaceSelector: undefined,
    allowedUses: new Set(['Workload', 'Tunnel']),
    assignmentMode: 'Automatic',
    ...more,
  };
}

export const NOW = Date.parse('2026-11-21T03:00:00Z');

/** A request of pod `web/<name>` on a node. */
export function podRequest(
  node: string,
  name: string,
  pools: readonly Pool[],
  more: Partial<AllocationRequest> = {},
): AllocationRequest {
  const families: Family[] = [...new Set(pools.map(p => p.cidr.ip.family))];
  return {
    handleId: `k8s-pod-network.${name}`,
    owner: { type: 'pod', namespace: 'web', name, uid: `uid-${name}` },
    node: { name: node, labels: new Map() },
    namespace: { labels: new Map() },
    families,
    use: 'Workload',
    pools,
    reservations: [],
    config: DEFAULT_IPAM_CONFIG,
    now: NOW,
    ...more,
  };
}
