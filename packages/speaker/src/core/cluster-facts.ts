import {
  type BgpConfigurationFacts,
  type BgpFilterFacts,
  type BgpPeerFacts,
  DEFAULT_BGP_CONFIGURATION,
  type NodeFacts,
  type Pool,
  readBgpConfiguration,
  readBgpFilter,
  readBgpPeer,
  readIpPool,
  readNode,
} from '@muslin/api';
import { parsePrefix, type Prefix } from '@muslin/net';

/** All that routing is decided by, normalised. */
export interface ClusterFacts {
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  /** By name: `default`, `node.<name>`. */
  readonly configurations: ReadonlyMap<string, BgpConfigurationFacts>;
  readonly peers: ReadonlyMap<string, BgpPeerFacts>;
  readonly filters: ReadonlyMap<string, BgpFilterFacts>;
  readonly pools: ReadonlyMap<string, Pool>;
  /** Confirmed blocks and the node that each belongs to. */
  readonly blocks: ReadonlyMap<string, { readonly cidr: Prefix; readonly node: string }>;
}

/** An object as a watch gives it. */
interface SeenObject {
  readonly kind?: string;
  readonly metadata: { readonly name?: string };
  readonly [field: string]: unknown;
}

/** Keeps `ClusterFacts` as objects come and go. An invalid object is absent. */
export class FactStore {
  readonly #facts = {
    nodes: new Map<string, NodeFacts>(),
    configurations: new Map<string, BgpConfigurationFacts>(),
    peers: new Map<string, BgpPeerFacts>(),
    filters: new Map<string, BgpFilterFacts>(),
    pools: new Map<string, Pool>(),
    blocks: new Map<string, { cidr: Prefix; node: string }>(),
  };

  /** The facts now: a live view. */
  get facts(): ClusterFacts {
    return this.#facts;
  }

  /** Takes an object as it is, or forgets it. Gives what is wrong with it, in words. */
  set(object: SeenObject, gone: boolean): readonly string[] {
    const name = object.metadata.name ?? '';
    const put = <T>(
      map: Map<string, T>,
      read: {
        readonly value: T | undefined;
        readonly findings: readonly { readonly path: string; readonly message: string }[];
      },
    ) => {
      if (gone || read.value === undefined) map.delete(name);
      else map.set(name, read.value);
      return gone
        ? []
        : read.findings.map(finding => `${object.kind} ${name} ${finding.path}: ${finding.message}`);
    };
    switch (object.kind) {
      case 'Node':
        return put(this.#facts.nodes, readNode(object));
      case 'BGPConfiguration':
        return put(this.#facts.configurations, readBgpConfiguration(object));
      case 'BGPPeer':
        return put(this.#facts.peers, readBgpPeer(object));
      case 'BGPFilter':
        return put(this.#facts.filters, readBgpFilter(object));
      case 'IPPool':
        return put(this.#facts.pools, readIpPool(object));
      case 'IPAMBlock':
        return put(this.#facts.blocks, { value: readBlock(object), findings: [] });
      default:
        return [];
    }
  }
}

function readBlock(object: SeenObject): { readonly cidr: Prefix; readonly node: string } | undefined {
  const spec = (object['spec'] ?? {}) as { cidr?: unknown; affinity?: unknown; deleted?: unknown };
  const node = /^host:(.+)$/.exec(String(spec.affinity))?.[1];
  const cidr = parsePrefix(String(spec.cidr));
  return node === undefined || !cidr.ok || spec.deleted === true ? undefined : { cidr: cidr.value, node };
}

/** The configuration that counts for a node: its own `node.<name>` object's AS number over the default's. */
export function configurationOf(facts: ClusterFacts, node: string): BgpConfigurationFacts {
  const general = facts.configurations.get('default') ?? DEFAULT_BGP_CONFIGURATION;
  const own = facts.configurations.get(`node.${node}`);
  return own === undefined
    ? general
    : { ...general, asNumber: own.asNumber, logSeverityScreen: own.logSeverityScreen };
}
