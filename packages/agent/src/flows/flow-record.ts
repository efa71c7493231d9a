import type { Direction, EndpointPlan, NodeState, ObjectRef } from '@muslin/api';
import { deniersOf, type Denier, readDeniedNote } from '@muslin/dataplane';
import type { FlowTuple } from '@muslin/linux';
import { formatIp, type Ip } from '@muslin/net';
import { answersWithout, decide, type Decision, type PolicyView, viewOf } from '@muslin/policy';
import type { PacketHeader } from './packet-header.ts';

/** What became of one packet, and by whose word. */
export interface FlowRecord {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly verdict: 'deny' | 'allow';
  /** The end whose policies decided. */
  readonly direction: Direction;
  readonly source: FlowPlace;
  readonly destination: FlowPlace;
  readonly protocol: number;
  readonly icmp?: { readonly type: number; readonly code: number };
  /** Where it was sent to before a Service was translated; absent when that is its destination. */
  readonly dialled?: { readonly ip: string; readonly port?: number };
  /** The rule that decided, by the kernel's word; the end of a tier names the tier. */
  readonly policy?: ObjectRef;
  readonly rule?: string;
  readonly tier?: string;
  /** Of a connection: whether the other end has answered, and what went either way, as far as the kernel counts. */
  readonly answered?: boolean;
  readonly sent?: { readonly packets: number; readonly bytes: number };
  readonly received?: { readonly packets: number; readonly bytes: number };
  /** It is over; the counts are those that were seen last, at most a second before. */
  readonly ended?: true;
  /** Staged policies that would have decided otherwise, or the same. */
  readonly staged: readonly StagedWord[];
}

/** What a staged policy would have done. */
export interface StagedWord {
  readonly policy: ObjectRef;
  readonly would: 'Allow' | 'Deny' | 'Pass';
  /** It would only delete this one: `would` is then what this end would have answered without it. */
  readonly deletes?: ObjectRef;
}

/** One end: its address, and the pod of this node that has it. */
export interface FlowPlace {
  readonly ip: string;
  readonly port?: number;
  readonly pod?: string;
}

/** Says of packets which pods, policies and rules they were about, by one state of the node. */
export class FlowJoiner {
  readonly #view: PolicyView;
  readonly #deletions: NodeState['deletions'];
  readonly #plans = new Map<string, EndpointPlan>();
  readonly #deniers: ReadonlyMap<string, Denier>;

  constructor(state: NodeState) {
    this.#view = viewOf(state);
    this.#deletions = state.deletions;
    this.#deniers = deniersOf(state);
    for (const plan of state.endpoints.values())
      for (const ip of plan.ips) this.#plans.set(formatIp(ip), plan);
  }

  /** A packet that a rule of ours denied; undefined when the note is not ours. `original`: before translation. */
  denied(
    note: string,
    header: PacketHeader,
    original: FlowTuple | undefined,
    at: number,
  ): FlowRecord | undefined {
    const said = readDeniedNote(note);
    if (said === undefined) return undefined;
    const denier = this.#deniers.get(said.note);
    const by =
      denier === undefined
        ? {}
        : 'tier' in denier
          ? { tier: denier.tier }
          : { policy: denier.policy.source, rule: denier.path };
    const own = said.direction === 'ingress' ? header.destination : header.source;
    const decision = this.#decision(said.direction, own, header);
    const staged = this.#stagedOf(decision, 'deny', own, header);
    return { ...this.#record(said.direction, header, original, at), verdict: 'deny', ...by, staged };
  }

  /** A connection that was let through; of each of the node's pods that it touches, one record. */
  allowed(header: PacketHeader, original: FlowTuple | undefined, at: number): readonly FlowRecord[] {
    const ends: [Direction, Ip][] = [
      ['egress', header.source],
      ['ingress', header.destination],
    ];
    return ends.flatMap(([direction, ip]): FlowRecord[] => {
      const decision = this.#decision(direction, ip, header);
      if (decision === undefined || decision.answer === 'deny') return [];
      const { because } = decision;
      const by =
        because.code === 'rule' ? { policy: because.source, rule: because.path, tier: because.tier } : {};
      const staged = this.#stagedOf(decision, 'allow', ip, header);
      return [{ ...this.#record(direction, header, original, at), verdict: 'allow', ...by, staged }];
    });
  }

  #record(
    direction: Direction,
    header: PacketHeader,
    original: FlowTuple | undefined,
    at: number,
  ): Omit<FlowRecord, 'verdict' | 'staged'> {
    const { source, destination, protocol, sourcePort, destinationPort, icmp } = header;
    const translated =
      original !== undefined &&
      (formatIp(original.destination) !== formatIp(destination) ||
        original.destinationPort !== destinationPort);
    return {
      at,
      direction,
      source: this.#place(source, sourcePort),
      destination: this.#place(destination, destinationPort),
      protocol,
      ...(icmp !== undefined && { icmp }),
      ...(translated && {
        dialled: {
          ip: formatIp(original.destination),
          ...(original.destinationPort !== undefined && { port: original.destinationPort }),
        },
      }),
    };
  }

  #decision(direction: Direction, own: Ip, header: PacketHeader): Decision | undefined {
    const plan = this.#plans.get(formatIp(own));
    return plan === undefined ? undefined : decide(plan, this.#view, header, direction);
  }

  /** What was not decided here, but by the node's own rules, would not change with a policy of this end. */
  #stagedOf(
    decision: Decision | undefined,
    verdict: FlowRecord['verdict'],
    own: Ip,
    header: PacketHeader,
  ): readonly StagedWord[] {
    const plan = this.#plans.get(formatIp(own));
    if (decision === undefined || plan === undefined) return [];
    const deleted =
      decision.answer === verdict ? answersWithout(decision, this.#deletions, plan, this.#view, header) : [];
    return [
      ...wordsIn(decision),
      ...deleted.map(
        ({ staged, policy, answer }): StagedWord => ({
          policy: staged,
          would: answer === 'allow' ? 'Allow' : 'Deny',
          deletes: policy,
        }),
      ),
    ];
  }

  #place(ip: Ip, port: number | undefined): FlowPlace {
    const text = formatIp(ip);
    const plan = this.#plans.get(text);
    return {
      ip: text,
      ...(port !== undefined && { port }),
      ...(plan !== undefined && { pod: `${plan.namespace}/${plan.name}` }),
    };
  }
}

function wordsIn({ tiers }: Decision): readonly StagedWord[] {
  return tiers.flatMap(({ policies }) =>
    policies.flatMap(({ staged, source, outcome }) =>
      staged && outcome !== 'no-match' ? [{ policy: source, would: outcome }] : [],
    ),
  );
}
