import { ALL, type Pool } from '@muslin/api';
import {
  type Block,
  blockName,
  blockToSpec,
  emptyBlock,
  handleName,
  inventoryOf,
  type Owner,
  assignFromBlock,
  attributesOf,
  type PodFacts,
  type StoredObject,
  storedAffinity,
  tunnelHandleId,
} from '@muslin/ipam';
import { mustIp, mustPrefix } from '@muslin/net';
import type { Care, Objects, Word } from '../../src/garbage/judge.ts';

export const NOW = Date.parse('2026-03-01T12:00:00Z');
export const MINUTE = 60_000;
export const CARE: Care = { graceMs: 15 * MINUTE, breaker: { floor: 16, share: 0.2 } };

export const pool: Pool = {
  ...{ name: 'default', cidr: mustPrefix('10.0.0.0/16'), blockSize: 26, natOutgoing: false, disabled: false },
  ...{ disableBgpExport: false, ipipMode: 'Never', vxlanMode: 'Never', nodeSelector: ALL },
  ...{
    namespaceSelector: undefined,
    allowedUses: new Set(['Workload', 'Tunnel']),
    assignmentMode: 'Automatic',
  },
};

/** Blocks as nodes fill them, an hour before NOW. */
export class Addresses {
  readonly #blocks = new Map<string, Block>();

  block(cidr: string, node: string): this {
    this.#blocks.set(cidr, emptyBlock(mustPrefix(cidr), { type: 'host', name: node }, NOW));
    return this;
  }

  /** Gives a pod of the namespace web the next address of a block. */
  pod(cidr: string, node: string, name: string, born = NOW - 60 * MINUTE): string {
    const owner = { type: 'pod', namespace: 'web', name, uid: `uid-${name}` } as const;
    return this.#give(cidr, `k8s-pod-network.${name}`, owner, node, born);
  }

  tunnel(cidr: string, node: string): string {
    const tunnel = 'vxlanTunnelAddress';
    return this.#give(
      cidr,
      tunnelHandleId(tunnel, node),
      { type: 'tunnel', tunnel },
      node,
      NOW - 60 * MINUTE,
    );
  }

  stored(): StoredObject[] {
    const handles = new Map<string, Record<string, number>>();
    for (const [cidr, block] of this.#blocks)
      for (const index of block.allocations) {
        const handleId = index === null ? undefined : block.attributes[index]?.handleId;
        if (handleId === undefined) continue;
        const counts = handles.get(handleId) ?? {};
        counts[cidr] = (counts[cidr] ?? 0) + 1;
        handles.set(handleId, counts);
      }
    return [
      ...[...this.#blocks.values()].map(block => ({
        kind: 'IPAMBlock' as const,
        metadata: { name: blockName(block.cidr) },
        spec: blockToSpec(block),
      })),
      ...[...this.#blocks.values()].flatMap(({ cidr, owner }) =>
        owner === undefined ? [] : [storedAffinity({ cidr, owner, state: 'confirmed', deleted: false })],
      ),
      ...[...handles].map(([handleID, block]) => ({
        kind: 'IPAMHandle' as const,
        metadata: { name: handleName(handleID) },
        spec: { handleID, block },
      })),
    ];
  }

  objects(): Objects {
    const stored = this.stored();
    return { stored, inventory: inventoryOf(stored), pools: [pool] };
  }

  #give(cidr: string, handleId: string, owner: Owner, node: string, born: number): string {
    const block = this.#blocks.get(cidr);
    if (block === undefined) throw new Error(`no block ${cidr}`);
    const request = { handleId, secondary: attributesOf(owner, node, born), cooldownMs: 0 };
    const got = assignFromBlock(block, request, [], born);
    if (!got.ok) throw new Error(got.fault.message);
    this.#blocks.set(cidr, got.value.block);
    return `10.0.${block.cidr.ip.family === 4 ? cidr.split('.')[2] : ''}.${Number(cidr.split(/[./]/)[3]) + got.value.ordinal}`;
  }
}

/** What the API says; no node is heard. */
export function word(
  nodes: readonly string[],
  pods: readonly (readonly [string, string, string])[] = [],
): Word {
  return {
    nodes: new Set(nodes),
    pods: new Map(
      pods.map(([name, node, ip]): [string, PodFacts] => [
        `web/${name}`,
        { namespace: 'web', name, uid: `uid-${name}`, node, ips: ip === '' ? [] : [mustIp(ip)] },
      ]),
    ),
    onHost: new Map(),
    writtenAfter: new Map(),
  };
}

/** The same, and node `a` has looked after `at` and says that it has these. */
export function heardFrom(said: Word, addresses: readonly string[], at: number, complete = true): Word {
  return {
    ...{ ...said, onHost: new Map([['a', new Set(addresses)]]), writtenAfter: new Map([['a', at]]) },
    partly: new Set(complete ? [] : ['a']),
  };
}
