import type { ActiveMatch, ActivePolicy, Direction, Snapshot } from '@muslin/api';
import type { Ip } from '@muslin/net';
import type { LocatedEnd } from './locator.ts';
import { matchesEnd, preparePacket } from './rule-match.ts';
import type { SnapshotView } from './snapshot-view.ts';
import type { Packet, Side } from './trace.ts';

/**
 * Sorts ends into classes that no policy of the snapshot can tell apart, so that one verdict answers for all pairs of
 * two classes: the same policies are asked, and the end satisfies the same sides of all rules.
 */
export class Likeness {
  readonly #snapshot: Snapshot;
  readonly #view: SnapshotView;
  readonly #matches: Readonly<Record<Side, readonly ActiveMatch[]>>;
  readonly #classes = new Map<string, number>();

  constructor(snapshot: Snapshot, view: SnapshotView) {
    this.#snapshot = snapshot;
    this.#view = view;
    const policies = [...snapshot.policies.keys()].map(key => view.policy(key)).filter(isEnforced);
    this.#matches = { source: distinct(policies, 'source'), destination: distinct(policies, 'destination') };
  }

  /** The class of an end as one end of such packets. Only the end's own address, protocol and port matter. */
  classOf(side: Side, end: LocatedEnd, packet: Packet): number {
    const prepared = preparePacket(packet);
    const bits = this.#matches[side].map(match =>
      matchesEnd(side, match, prepared, this.#view) ? '1' : '0',
    );
    const text = `${this.#planText(side === 'source' ? 'egress' : 'ingress', end, packet[side])} ${bits.join('')}`;
    const known = this.#classes.get(text);
    if (known !== undefined) return known;
    this.#classes.set(text, this.#classes.size);
    return this.#classes.size - 1;
  }

  #planText(direction: Direction, { identity }: LocatedEnd, address: Ip): string {
    // Host endpoints are asked by node and address, so no two ends are alike.
    if (this.#snapshot.hostEndpoints.size > 0) return JSON.stringify([direction, identity, address]);
    const endpoint = identity.kind === 'pod' ? this.#snapshot.endpoints.get(identity.endpoint) : undefined;
    return endpoint === undefined
      ? identity.kind
      : JSON.stringify(this.#view.plan(endpoint).tiers[direction]);
  }
}

function isEnforced(policy: ActivePolicy | undefined): policy is ActivePolicy {
  return policy !== undefined && !policy.staged;
}

function distinct(policies: readonly ActivePolicy[], side: Side): readonly ActiveMatch[] {
  const byText = new Map<string, ActiveMatch>();
  for (const { ingress, egress } of policies)
    for (const rule of [...ingress, ...egress]) byText.set(JSON.stringify(rule[side]), rule[side]);
  return [...byText.values()];
}
