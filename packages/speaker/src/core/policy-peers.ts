import type { BgpCallers, BgpListenRange, BgpPeerPolicyFacts, NodeFacts } from '@muslin/api';
import type { PeerConfig, Transport } from '@muslin/bgp';
import { type Ip, prefixHas, type Prefix } from '@muslin/net';
import { asNumberOf, type ClusterFacts } from './cluster-facts.ts';
import type { DesiredPeer } from './desired-peer.ts';
import { type Heard, peerIdOf } from './heard.ts';
import type { Problem } from './problem.ts';
import { protection, sessionBase } from './session-base.ts';

/** Where peers may call from that nobody named. */
export interface ListenRange {
  readonly cidr: Prefix;
  readonly most: number;
  /** BGPPeerPolicy that says so. */
  readonly policy: string;
  readonly passwordKey: string | undefined;
  readonly auth: Transport['auth'];
}

/** Sessions that policies make by themselves, and the ranges that more may come from. */
export function policyPeers(
  facts: ClusterFacts,
  node: NodeFacts,
  policies: readonly BgpPeerPolicyFacts[],
  heard: Heard,
  problems: Problem[],
): { readonly peers: readonly (readonly [string, DesiredPeer])[]; readonly ranges: readonly ListenRange[] } {
  const peers: (readonly [string, DesiredPeer])[] = [];
  const ranges: (readonly [BgpPeerPolicyFacts, BgpListenRange, ListenRange])[] = [];
  for (const policy of policies) {
    const object = `BGPPeerPolicy ${policy.name}`;
    for (const link of policy.interfaces) {
      const { interfaceName } = link;
      const router = heard.routers.get(interfaceName);
      if (router === undefined)
        problems.push({
          object,
          reason: 'NobodyHeard',
          message: `no router has been heard on ${interfaceName}: it must send router advertisements, or call`,
        });
      else
        peers.push([
          policy.name,
          ownPeer(facts, node, link, { ip: router, interfaceName }, object, problems),
        ]);
    }
    for (const range of policy.listenRanges) {
      const { key, held } = protection(facts, range.password, object, problems);
      if (held !== undefined) continue;
      ranges.push([
        policy,
        range,
        {
          ...{ cidr: range.cidr, most: range.most, policy: policy.name, passwordKey: key },
          auth: policy.traits.authentication === 'TCPAO' ? 'tcp-ao' : undefined,
        },
      ]);
    }
  }
  // The narrowest range is the one that was meant.
  ranges.sort(([, a], [, b]) => b.cidr.length - a.cidr.length);
  for (const { ip } of heard.callers.values()) {
    const found = ranges.find(([, { cidr }]) => prefixHas(cidr, ip));
    if (found === undefined) continue;
    const [{ name }, range] = found;
    const made = ownPeer(facts, node, range, { ip }, `BGPPeerPolicy ${name}`, problems);
    peers.push([name, { ...made, config: { ...made.config, passive: true } }]);
  }
  return { peers, ranges: ranges.map(([, , range]) => range) };
}

function ownPeer(
  facts: ClusterFacts,
  node: NodeFacts,
  callers: BgpCallers,
  at: { readonly ip: Ip; readonly interfaceName?: string },
  object: string,
  problems: Problem[],
): DesiredPeer {
  const { ip, interfaceName } = at;
  const missingFilters = callers.filters.filter(name => !facts.filters.has(name));
  for (const name of missingFilters)
    problems.push({
      object,
      reason: 'FilterMissing',
      message: `BGPFilter ${name} does not exist: no route passes its sessions until it does, unless its earlier filters are still known`,
    });
  const { key, held } = protection(facts, callers.password, object, problems);
  const ownAs = asNumberOf(facts, node);
  const { remoteAs } = callers;
  const base = sessionBase(facts, node, ip, callers.filters, interfaceName);
  const config: PeerConfig = {
    ...base,
    id: peerIdOf(ip, interfaceName),
    remoteAs: typeof remoteAs === 'string' ? (remoteAs === 'External' ? 'external' : 'internal') : remoteAs,
    nextHop: 'auto',
    // Without numbers on the link the peer can resolve nothing but our end of it (RFC 8950).
    ...(interfaceName === undefined ? {} : { nextHopSelf: {} }),
    transport: {
      ...(interfaceName === undefined ? {} : { interface: interfaceName }),
      ...(key === undefined ? {} : { passwordKey: key }),
    },
    ...(held === undefined ? {} : { enabled: false }),
  };
  const [only] = typeof remoteAs === 'string' ? [] : remoteAs;
  return {
    config,
    type: 'GlobalPeer',
    stranger: true,
    asNumber: only ?? (remoteAs === 'Internal' ? ownAs : 0),
    internal: remoteAs === 'Internal' || (typeof remoteAs !== 'string' && remoteAs.includes(ownAs)),
    origin: object,
    missingFilters,
    ...(held === undefined ? {} : { held }),
  };
}
