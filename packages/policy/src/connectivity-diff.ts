import type { Policy, Snapshot } from '@muslin/api';
import type { Family } from '@muslin/net';
import { type Dialled, portsOf, type Reachability, type ReachOptions, reachPorts } from './reach.ts';

/** Connections of one port: every source to every destination, except an end to itself. */
export interface ConnectionGroup extends Dialled {
  readonly family: Family;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** What can be opened after a change but not before, and the other way round. */
export interface ConnectivityDiff {
  readonly gained: readonly ConnectionGroup[];
  readonly lost: readonly ConnectionGroup[];
}

/**
 * Compares who reaches whom. Dials what ends declare in either snapshot, what `options` adds, and every port at which
 * a range of a changed policy begins or ends. Ends that exist in one snapshot only gain or lose all they can open.
 */
export function diffConnectivity(
  before: Snapshot,
  after: Snapshot,
  options: ReachOptions = {},
): ConnectivityDiff {
  const extra = [...(options.ports ?? []), ...portsOfChangedPolicies(before, after)];
  const externals = options.externals ?? [];
  const ask = (snapshot: Snapshot) =>
    connectionsOf(reachPorts(snapshot, externals, key => portsOf([before, after], key, extra)));
  const [old, now] = [ask(before), ask(after)];
  return { gained: grouped(now, old), lost: grouped(old, now) };
}

type Connections = ReadonlyMap<
  string,
  { readonly row: Reachability['rows'][number]; readonly from: ReadonlySet<string> }
>;

function connectionsOf({ rows }: Reachability): Connections {
  return new Map(
    rows.map(row => [
      JSON.stringify([row.to, row.protocol, row.port, row.family]),
      { row, from: new Set(row.from) },
    ]),
  );
}

/** What is in `these` but not in `those`; destinations with equal sources share a group. */
function grouped(these: Connections, those: Connections): readonly ConnectionGroup[] {
  const groups = new Map<string, ConnectionGroup & { readonly to: string[] }>();
  for (const [key, { row, from }] of these) {
    const there = those.get(key)?.from;
    const sources = there === undefined ? [...from] : [...from].filter(source => !there.has(source));
    if (sources.length === 0) continue;
    const { to, protocol, port, family } = row;
    const id = JSON.stringify([protocol, port, family, sources]);
    const group = groups.get(id);
    if (group === undefined) groups.set(id, { from: sources, to: [to], protocol, port, family });
    else group.to.push(to);
  }
  return [...groups.values()];
}

function portsOfChangedPolicies(before: Snapshot, after: Snapshot): readonly Dialled[] {
  const found: Dialled[] = [];
  for (const key of new Set([...before.policies.keys(), ...after.policies.keys()])) {
    const [old, now] = [before.policies.get(key), after.policies.get(key)];
    if (old === now || (old && now && textOf(old) === textOf(now))) continue;
    for (const policy of [old, now]) if (policy !== undefined) found.push(...portsOfPolicy(policy));
  }
  return found;
}

function portsOfPolicy({ ingress, egress }: Policy): readonly Dialled[] {
  return [...ingress, ...egress].flatMap(({ protocol = 6, destination }) =>
    [...(destination.ports ?? []), ...(destination.notPorts ?? [])].flatMap(port =>
      'name' in port ? [] : [port.first, port.last].map(number => ({ protocol, port: number })),
    ),
  );
}

const textOf = (policy: Policy): string => JSON.stringify([policy, [...policy.directions].sort()]);
