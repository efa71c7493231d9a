import type { NodeAddress } from './address/node-address.ts';
import type { AgentCore } from './core/agent-core.ts';
import type { Enforcement } from './enforcement.ts';
import type { ClusterSource } from './fanout/cluster-source.ts';
import type { ClusterAddresses } from './ipam/cluster-addresses.ts';
import type { FloatingAddresses } from './ipam/floating-addresses.ts';
import type { AgentOptions } from './options.ts';
import type { FoundPods } from './pod/found-pods.ts';
import type { PreparedPods } from './pod/prepared-pods.ts';
import type { SandboxStore } from './pod/sandbox-store.ts';
import { mtuStatus } from './tunnel/mtu.ts';
import type { TunnelKeeper } from './tunnel/tunnel-keeper.ts';

/** Watches that are silent for longer make `/v1/status` say that the node is not ready; nothing stops serving. */
const STALE_MS = 60_000;

/** Who is asked. */
export interface AgentStatusParts {
  readonly options: AgentOptions;
  readonly core: AgentCore;
  readonly enforcement: Enforcement;
  readonly source: ClusterSource;
  readonly dataplane: object;
  readonly established: 'cut' | 'keep';
  readonly addresses: ClusterAddresses;
  readonly prepared: PreparedPods;
  readonly floating: FloatingAddresses;
  readonly found: FoundPods;
  readonly address: NodeAddress;
  readonly keeper: TunnelKeeper;
  readonly sandboxes: SandboxStore;
}

/** What `/v1/status` says. */
export function agentStatus(parts: AgentStatusParts): object {
  const { options, core, enforcement, source, addresses, keeper } = parts;
  const { since } = enforcement;
  return {
    node: options.node,
    ready: enforcement.ready && !isStale(source.staleSince),
    source: source.source,
    dataplane: parts.dataplane,
    staleSince: source.staleSince,
    waitingFor: source.missing(),
    established: parts.established,
    lastCut: enforcement.lastCut,
    keptAddresses: addresses.inHand,
    preparedPods: parts.prepared.size,
    leaving: parts.sandboxes.all().filter(({ state }) => state === 'leaving').length,
    floating: parts.floating.status,
    found: parts.found.status,
    address: parts.address.status,
    mtu: mtuStatus(keeper.mtu(), parts.sandboxes.all()),
    overlay: keeper.status,
    proof: { mode: options.prove, ...enforcement.proof.last },
    unrouted: Object.fromEntries(enforcement.unrouted),
    appliedThrough: since.appliedThrough,
    policies: since.policies,
    endpoints: [...core.locals.keys()],
  };
}

const isStale = (since: number | undefined) => since !== undefined && Date.now() - since > STALE_MS;
