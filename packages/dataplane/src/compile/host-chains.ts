import type { Direction, FailsafePort, HostPlan, HostState } from '@muslin/api';
import { type Family, familyOf, formatPrefix, portSet, type Prefix } from '@muslin/net';
import { chainName } from '../chain-name.ts';
import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { Chain, Rule } from '../ir/ruleset.ts';
import type { Marks } from './config.ts';
import type { TierChain } from './tier-chain.ts';

/** When a host endpoint's policies are asked. */
export type HostStage = 'local' | 'forwarded' | 'pre-dnat' | 'untracked';

/** Sets the bit that says: an untracked or pre-DNAT policy allowed it, so ask no other of this host endpoint. */
const ACCEPTED_CHAIN = 'msl-accepted';

const STAGE_LETTER: Readonly<Record<HostStage, string>> = {
  local: 'l',
  forwarded: 'f',
  'pre-dnat': 'd',
  untracked: 'u',
};

/** Neighbour discovery, routers and multicast listeners: without them IPv6 has no link (RFC 4890 §4.4.1). */
const LINK_TYPES = [130, 131, 132, 133, 134, 135, 136, 137, 143];

/** What stays the same for all host endpoints of a node. */
export interface HostFrame {
  readonly family: Family;
  readonly marks: Marks;
  readonly failsafe: HostState['failsafe'];
}

/** The chain that `host-endpoint` chains leave by when early policies allowed the packet. */
export function acceptedChain(marks: Marks): Chain {
  const action: Action = { kind: 'mark', value: marks.accepted, mask: marks.accepted };
  return { name: ACCEPTED_CHAIN, rules: [{ matches: [], action }] };
}

/**
 * One host endpoint at one stage in one direction. Denied packets are dropped on the way. Failsafe ports come before
 * anything that denies, so no policy can lock the administrator out.
 */
export function hostChain(
  plan: HostPlan,
  stage: HostStage,
  direction: Direction,
  tiers: readonly TierChain[],
  frame: HostFrame,
): Chain {
  const { marks } = frame;
  // Where the packet is the node's own this is the last word; elsewhere others are asked too.
  const pass: Action = stage === 'local' ? { kind: 'accept' } : { kind: 'return' };
  const allowed: Match = { kind: 'mark', value: marks.allow, mask: marks.allow };
  const rules: Rule[] = [];
  if (stage !== 'untracked')
    rules.push({ matches: [{ kind: 'conntrack', states: ['RELATED', 'ESTABLISHED'] }], action: pass });
  if (stage !== 'forwarded') rules.push(...linkRules(frame.family, pass));
  if (stage !== 'forwarded') rules.push(...failsafeRules(stage, direction, pass, frame));
  if (stage !== 'untracked') rules.push({ matches: [INVALID], action: { kind: 'drop' } });
  for (const { chain, allows } of tiers) {
    if (chain.rules.length === 0) continue;
    const comment = `${plan.key} ${stage} ${direction}`;
    rules.push({ matches: [], action: { kind: 'jump', chain: chain.name }, comment });
    if (!allows) continue;
    if (stage === 'untracked') rules.push({ matches: [allowed], action: { kind: 'notrack' } });
    const early = stage === 'untracked' || stage === 'pre-dnat';
    rules.push({ matches: [allowed], action: early ? { kind: 'goto', chain: ACCEPTED_CHAIN } : pass });
  }
  if (stage === 'local' && plan.open === undefined)
    rules.push({ matches: [], action: { kind: 'drop' }, comment: `${plan.key}: nothing allows it` });
  return { name: hostChainName(plan, stage, direction), rules };
}

/** `msl-hli-eth0`: host endpoint eth0, local, ingress. */
export function hostChainName(plan: HostPlan, stage: HostStage, direction: Direction): string {
  return chainName(`h${STAGE_LETTER[stage]}${direction === 'ingress' ? 'i' : 'e'}`, plan.name);
}

const INVALID: Match = { kind: 'conntrack', states: ['INVALID'] };

function linkRules(family: Family, action: Action): readonly Rule[] {
  if (family === 4) return [];
  return LINK_TYPES.map(type => ({ matches: [{ kind: 'icmp', type }], action, comment: 'IPv6 link' }));
}

/**
 * Packets to failsafe ports, and answers from them where tracking does not know the connection: it has not begun, or the
 * connection is older than the node's first rule with a state (an administrator's SSH, the agent's own watches).
 */
function failsafeRules(
  stage: HostStage,
  direction: Direction,
  action: Action,
  { failsafe: { inbound, outbound }, family }: HostFrame,
): readonly Rule[] {
  const far = direction === 'ingress' ? 'source' : 'destination';
  const asks = rulesFor(direction === 'ingress' ? inbound : outbound, 'destination-ports', far, family);
  const unknown = stage === 'untracked' ? [] : [INVALID];
  const answers = rulesFor(direction === 'ingress' ? outbound : inbound, 'source-ports', far, family).map(
    matches => [...unknown, ...matches],
  );
  return [...asks, ...answers].map(matches => ({ matches, action, comment: 'failsafe' }));
}

/** One rule for each protocol and prefix. */
function rulesFor(
  list: readonly FailsafePort[],
  ports: 'destination-ports' | 'source-ports',
  far: 'source' | 'destination',
  family: Family,
): readonly (readonly Match[])[] {
  const wanted = list.filter(({ net }) => net === undefined || familyOf(net) === family);
  const groups = Map.groupBy(wanted, ({ protocol, net }) => `${protocol} ${net && formatPrefix(net)}`);
  return [...groups.values()].map(group => {
    const { protocol, net } = group[0] as FailsafePort;
    const ranges = group.map(({ port }) => ({ first: port, last: port }));
    const from = (nets: readonly Prefix[]): Match => ({ kind: far, nets });
    return [
      { kind: 'protocol', protocol },
      { kind: ports, ports: portSet(ranges) },
      ...(net === undefined ? [] : [from([net])]),
    ];
  });
}
