import {
  type BgpConfigurationFacts,
  type BgpPeerFacts,
  DEFAULT_BGP_CONFIGURATION,
  readBgpPeer,
} from '@muslin/api';
import { DEFAULT_IPAM_CONFIG, ipamConfigFromSpec } from '@muslin/ipam';
import type { AnyObject, Sighting } from '@muslin/kube';
import type { Prefix } from '@muslin/net';
import { advertisedServices } from './core/advertised-services.ts';
import { bgpSettings } from './core/bgp-settings.ts';
import type { AgentCore } from './core/agent-core.ts';
import { ownBlocks } from './core/own-blocks.ts';
import { reservedBy } from './ipam/reservations.ts';
import type { PodCache } from './pod/pod-cache.ts';

/** What tunnels depend on. */
const OVERLAY_KINDS = new Set(['Node', 'IPPool', 'IPAMBlock', 'FelixConfiguration']);

/** What a sighting moves beside the core. */
export interface Moved {
  readonly block: boolean;
  /** FelixConfigurations, or the labels by which they concern this node. */
  readonly settings: boolean;
  readonly ownNode: boolean;
  readonly pod: boolean;
  readonly overlay: boolean;
}

const NOTHING: Moved = { block: false, settings: false, ownNode: false, pod: false, overlay: false };

/** The cluster as this node was told of it: facts of policy go to the core, what else is asked for stays here. */
export class ClusterView {
  readonly felix = new Map<string, AnyObject>();
  readonly blocks = new Map<string, AnyObject>();
  readonly namespaces = new Map<string, AnyObject>();
  readonly bgpPeers = new Map<string, BgpPeerFacts>();
  readonly #bgp = new Map<string, AnyObject>();
  readonly #reservations = new Map<string, readonly Prefix[]>();
  readonly #node: string;
  readonly #core: AgentCore;
  readonly #pods: PodCache;
  bgpSettings: BgpConfigurationFacts = DEFAULT_BGP_CONFIGURATION;
  ipamConfig = DEFAULT_IPAM_CONFIG;
  ownNode: AnyObject | undefined;

  constructor(node: string, core: AgentCore, pods: PodCache) {
    this.#node = node;
    this.#core = core;
    this.#pods = pods;
  }

  /** All reserved addresses. */
  get reservations(): readonly Prefix[] {
    return [...this.#reservations.values()].flat();
  }

  saw({ kind, object, gone }: Sighting): Moved {
    const { name = '' } = object.metadata;
    const moved = { ...NOTHING, overlay: OVERLAY_KINDS.has(kind) };
    switch (kind) {
      case 'IPAMBlock':
        put(this.blocks, object, gone);
        this.#core.tell({ type: 'blocks', blocks: ownBlocks(this.blocks.values(), this.#node) });
        return { ...moved, block: true };
      case 'IPAMConfiguration':
        this.ipamConfig = gone ? DEFAULT_IPAM_CONFIG : ipamConfigFromSpec(object['spec']);
        return moved;
      case 'BGPConfiguration':
        put(this.#bgp, object, gone);
        this.bgpSettings = bgpSettings(this.#bgp, this.#node);
        this.#core.tell({ type: 'services', cidrs: advertisedServices(this.bgpSettings) });
        return moved;
      case 'BGPPeer': {
        const { value } = readBgpPeer(object);
        if (gone) this.bgpPeers.delete(name);
        else if (value !== undefined) this.bgpPeers.set(name, value);
        return moved;
      }
      case 'IPReservation':
        if (gone) this.#reservations.delete(name);
        else this.#reservations.set(name, reservedBy(object));
        return moved;
      case 'FelixConfiguration':
        put(this.felix, object, gone);
        // Its failsafe ports are facts like others.
        this.#tell(object, gone);
        return { ...moved, settings: true };
      case 'Pod':
        if (!this.#pods.saw(object, gone)) return NOTHING;
        this.#tell(object, gone);
        return { ...moved, pod: true };
      case 'Namespace':
        put(this.namespaces, object, gone);
        this.#tell(object, gone);
        return moved;
      case 'Node': {
        const ownNode = name === this.#node;
        if (ownNode) this.ownNode = gone ? undefined : object;
        this.#tell(object, gone);
        // Its labels decide which FelixConfigurations concern it.
        return { ...moved, ownNode, settings: ownNode && this.felix.size > 0 };
      }
      default:
        this.#tell(object, gone);
        return moved;
    }
  }

  #tell(object: AnyObject, gone: boolean): void {
    this.#core.tell(gone ? { type: 'gone', object } : { type: 'object', object });
  }
}

function put(map: Map<string, AnyObject>, object: AnyObject, gone: boolean): void {
  const { name = '' } = object.metadata;
  if (gone) map.delete(name);
  else map.set(name, object);
}
