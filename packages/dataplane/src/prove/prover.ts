import type { EndpointKey, EndpointPlan, NodeState, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import type { NodeConfig } from '../compile/config.ts';
import { serviceLoopPrefixes } from '../compile/service-loop.ts';
import type { HookName, Ruleset, TableName } from '../ir/ruleset.ts';
import { taken } from '../lookups/derived-set.ts';
import { compareCourses, type Course, courseKey, type Fate, UNTOUCHED } from './compare.ts';
import { type SamplePacket, sampleText } from './counterexample.ts';
import { ALL, NONE } from './diagram.ts';
import type { Meant } from './early-intentions.ts';
import { HostIntentions } from './host-intentions.ts';
import { type End, type Intended, Intentions } from './intended.ts';
import type { KnownSets } from './match-space.ts';
import { MemberCheck, type MemberFault } from './members.ts';
import {
  OTHER_TABLES,
  OtherIntentions,
  type OtherLooked,
  type OtherTable,
  othersTouched,
  scopeOf,
} from './other-tables.ts';
import { type Atom, Space } from './space.ts';
import { type Looked, type Touched, touchedSince } from './touched.ts';
import { Walker, type Way } from './walk.ts';

/** A packet that rules treat in another way than the policies mean. */
export interface Difference {
  readonly table: TableName;
  readonly hook: HookName;
  readonly in: string;
  readonly out: string;
  /** Whose policies were asked. */
  readonly endpoints: readonly EndpointKey[];
  readonly packet: SamplePacket;
  readonly meant: Fate;
  readonly rules: Fate;
}

/** What a proof came to. */
export type Proof =
  | { readonly outcome: 'equal' /** Ways looked at anew. */; readonly proved: number }
  | { readonly outcome: 'different'; readonly difference: Difference }
  /** A set that rules look into does not hold what it should. */
  | { readonly outcome: 'wrong-member'; readonly fault: MemberFault }
  /** Not the rules' fault: there was no room to compare them. */
  | { readonly outcome: 'too-large'; readonly nodes: number };

/** Nodes of the diagrams: 16 bytes each, and their table. */
const NODE_LIMIT = 4_000_000;
/** Members of derived sets that are compared in one proof; larger sets are believed. */
const MEMBER_BUDGET = 20_000;

/** The difference as a sentence. */
export function differenceText({ table, hook, endpoints, packet, meant, rules, ...way }: Difference): string {
  const who = endpoints.length === 0 ? '' : ` of ${endpoints.join(' and ')}`;
  const path = [way.in && `in by ${way.in}`, way.out && `out by ${way.out}`].filter(Boolean).join(', ');
  const place = table === 'filter' ? hook : `${table} ${hook}`;
  const words = [meant, rules].map(fate => fate.replace(/^back\b/, 'leave it to others'));
  return `${place}, ${path}: ${sampleText(packet)}: the policies${who} mean ${words[0]}, the rules ${words[1]}`;
}

/**
 * Compares the rules of all tables with the meaning of a `NodeState`, for every packet and endpoint: conntrack state,
 * protocol, ports, ICMP, addresses and marks bit by bit; sets that come from selectors are names that hold anybody.
 * Remembers what it proved, so that a change costs what changed. One for each family; give it one `NodeConfig` object as
 * long as nothing in that changes.
 */
export class Prover {
  readonly #family: Family;
  readonly #limit: number;
  #space: Space;
  #walker: Walker;
  #intentions: Intentions;
  /** By meaning and doing: what had to be known of sets. */
  #proved = new Map<string, readonly Atom[]>();
  readonly #members = new MemberCheck();
  /** What was found equal last. */
  #equal: Looked | undefined;
  /** The interfaces whose ways were looked at then, in their order. */
  #names: readonly string[] = [];
  /** The same of each table beside the filter table. */
  readonly #others = new Map<OtherTable, OtherLooked>();

  constructor(family: Family, limit = NODE_LIMIT) {
    this.#family = family;
    this.#limit = limit;
    [this.#space, this.#walker, this.#intentions] = this.#fresh(new Assumptions(NOTHING, family));
  }

  /** Proves rules, as compiled, as lowered, or as read back from a rendered text. */
  prove(state: NodeState, config: NodeConfig, ruleset: Ruleset): Proof {
    const fault = this.#members.find(ruleset, state.sets, MEMBER_BUDGET);
    if (fault !== undefined) return { outcome: 'wrong-member', fault };
    // What is remembered fills the diagram in time; what is needed now may well fit a new one.
    const given = new Assumptions(state, this.#family);
    const now: Looked = { state, config, ruleset, plans: plansOf(state, config) };
    const before = this.#equal;
    this.#equal = undefined;
    const full = this.#space.diagram.size * 4 > this.#limit * 3;
    if (full || !this.#space.goesOn(given.isWide)) this.#start(given);
    for (let attempt = 0; attempt < 2; attempt++) {
      const proof = this.#attempt(now, given, before);
      if (!this.#space.diagram.full) {
        if (proof.outcome === 'equal') this.#equal = now;
        return proof;
      }
      this.#start(given);
    }
    return { outcome: 'too-large', nodes: this.#limit };
  }

  #attempt(now: Looked, given: Assumptions, before: Looked | undefined): Proof {
    const { state, config, ruleset } = now;
    const hosts = new HostIntentions(this.#space, this.#intentions, state, config);
    const others = this.#tryOthers(now, hosts, given);
    if (others.outcome !== 'equal') return others;
    let { proved } = others;
    const table = ruleset.tables.get('filter') ?? { hooks: new Map(), chains: new Map() };
    const walk = this.#walker.over(table, knownSets(ruleset));
    const ends = endsOf(now, hosts.interfaces);
    const spare = before === undefined ? NOBODY : sparing(before, now, ends, this.#names);
    for (const { hook, way, from, to } of waysOf(ends, spare)) {
      const pods =
        hook === 'OUTPUT'
          ? nodeOwn(to)
          : this.#intentions.filter(state, config, from, hook === 'INPUT' ? undefined : to);
      const meant = this.#unserved(hosts.with(pods, hook, way), config, hook, way);
      const start = table.hooks.get(hook);
      const done = start === undefined ? UNTOUCHED : walk(start, way);
      if (this.#space.diagram.full) break;
      const found = this.#compare({ course: meant, care: ALL }, done, given, config);
      if (found === 'known') continue;
      proved++;
      if (found === 'equal') continue;
      const endpoints = [from, to].flatMap(end => (typeof end === 'object' ? [end.key] : []));
      return { outcome: 'different', difference: { table: 'filter', hook, ...way, endpoints, ...found } };
    }
    this.#names = ends.map(({ name }) => name);
    return { outcome: 'equal', proved };
  }

  /** The tables before, after and beside the filter table; what was proved of each stays known. */
  #tryOthers(now: Looked, hosts: HostIntentions, given: Assumptions): Proof {
    const { config, ruleset, plans } = now;
    const intentions = new OtherIntentions(this.#space, hosts, config);
    let proved = 0;
    for (const table of OTHER_TABLES) {
      const scope = scopeOf(ruleset, table);
      const looked = { looked: now, scope, hostPorts: config.hostPorts(), floatingIps: config.floatingIps() };
      const before = this.#others.get(table);
      this.#others.delete(table);
      const touched = before && othersTouched(before, looked);
      const walk = this.#walker.over(scope.rules, knownSets(ruleset));
      const unknown = unknownInterface(plans, config);
      for (const { hook, way, end, meant } of intentions.ways(
        table,
        scope,
        plans,
        unknown,
        config,
        touched,
      )) {
        const start = scope.rules.hooks.get(hook);
        const done = start === undefined ? UNTOUCHED : walk(start, way);
        const should = meant();
        if (this.#space.diagram.full) return { outcome: 'equal', proved };
        const found = this.#compare(should, done, given, config);
        if (found === 'known') continue;
        proved++;
        if (found === 'equal') continue;
        const endpoints = typeof end === 'object' ? [end.key] : [];
        return { outcome: 'different', difference: { table, hook, ...way, endpoints, ...found } };
      }
      if (!this.#space.diagram.full) this.#others.set(table, looked);
    }
    return { outcome: 'equal', proved };
  }

  /** Packets for Services that nothing serves go no further, unless they belong to a connection of a pod. */
  #unserved(meant: Intended, config: NodeConfig, hook: HookName, way: Way): Intended {
    const cidrs = serviceLoopPrefixes(config);
    if (hook !== 'FORWARD' || cidrs.length === 0) return meant;
    const { diagram } = this.#space;
    const pods = [way.in, way.out].some(name => name.startsWith(config.workloadInterfacePrefix));
    const known = pods ? this.#space.conntrack(['ESTABLISHED', 'RELATED']) : NONE;
    const dropped = diagram.without(this.#space.nets('dst', cidrs), known);
    return {
      accept: diagram.without(meant.accept, dropped),
      drop: diagram.or(meant.drop, dropped),
      back: diagram.without(meant.back, dropped),
    };
  }

  /** Whether two courses are equal, were found so before, or a packet for which they are not. */
  #compare(
    { course, care }: Meant,
    done: Course,
    given: Assumptions,
    config: NodeConfig,
  ): 'known' | 'equal' | Pick<Difference, 'packet' | 'meant' | 'rules'> {
    const key = `${courseKey(course)}|${courseKey(done)}|${care}`;
    if (this.#proved.get(key)?.every(given.never)) return 'known';
    const found = compareCourses(course, done, care, this.#space, config, given.never);
    if (!('used' in found)) return found;
    this.#proved.set(key, found.used);
    return 'equal';
  }

  #start(given: Assumptions): void {
    this.#proved = new Map();
    [this.#space, this.#walker, this.#intentions] = this.#fresh(given);
  }

  #fresh(given: Assumptions): [Space, Walker, Intentions] {
    const space = new Space(this.#family, this.#limit, given.isWide);
    return [space, new Walker(space), new Intentions(space)];
  }
}

/** The node reaches its own pods (kubelet probes), known or not; other packets of its own are not ours. */
function nodeOwn(to: End): Intended {
  return to === 'other' ? { accept: NONE, drop: NONE, back: ALL } : { accept: ALL, drop: NONE, back: NONE };
}

const NOTHING: NodeState = { endpoints: new Map(), policies: new Map(), sets: new Map() };

/** What a proof may know of sets. */
class Assumptions {
  readonly #state: NodeState;
  readonly #family: Family;

  constructor(state: NodeState, family: Family) {
    this.#state = state;
    this.#family = family;
  }

  /** Whether a set of prefixes holds some of several addresses. */
  readonly isWide = (id: SetId): boolean => {
    const set = this.#state.sets.get(id);
    return set?.kind === 'net' && taken(set.members, 'wide', this.#family).size > 0;
  };

  /** Whether the atom holds for no packet, as the state is now: there is no such set. */
  readonly never = (atom: Atom): boolean => {
    if (!('set' in atom)) return false;
    const set = this.#state.sets.get(atom.set);
    return set?.kind !== (atom.kind === 'port' ? 'ip-port' : 'net');
  };
}

function knownSets({ sets, derived = new Map() }: Ruleset): KnownSets {
  return { fixed: sets, derived };
}

interface Asked {
  readonly hook: HookName;
  readonly way: Way;
  readonly from: End;
  readonly to: End;
}

/** Which ways were proved before: all of an interface, or those from it to the next one alone. */
interface Spare {
  readonly all: Touched;
  readonly pair: (name: string, next: string) => boolean;
}

const NOBODY: Spare = { all: () => false, pair: () => false };

/** None, where an interface is touched that is no pod's: every pod has ways to it. */
function sparing(before: Looked, now: Looked, ends: readonly NamedEnd[], names: readonly string[]): Spare {
  const touched = touchedSince(before, now);
  if (touched === undefined || ends.some(({ end, name }) => typeof end === 'string' && touched(name)))
    return NOBODY;
  const next = new Map(names.map((name, i) => [name, names[(i + 1) % names.length]]));
  const all = (name: string) =>
    next.has(name) && now.plans.has(name) === before.plans.has(name) && !touched(name);
  return { all, pair: (name, to) => all(name) && all(to) && next.get(name) === to };
}

/** The endpoint of each interface of a pod. */
function plansOf(state: NodeState, config: NodeConfig): ReadonlyMap<string, EndpointPlan> {
  const plans = new Map<string, EndpointPlan>();
  for (const plan of state.endpoints.values())
    for (const name of config.interfacesOf(plan.key)) plans.set(name, plan);
  return plans;
}

/** Every kind of way through the filter table: to, from and between pods of the node, known and unknown, and past them. */
function* waysOf(ends: readonly NamedEnd[], spare: Spare): Generator<Asked> {
  const other = ends[0]?.name ?? '';
  for (const [i, { end, name }] of ends.entries()) {
    const next = ends[(i + 1) % ends.length] as (typeof ends)[number];
    // Each way in and each way out once with every kind of other end: a packet between two pods asks one, then the other.
    if (!spare.pair(name, next.name))
      yield { hook: 'FORWARD', way: { in: name, out: next.name }, from: end, to: next.end };
    if (spare.all(name)) continue;
    yield { hook: 'INPUT', way: { in: name, out: '' }, from: end, to: 'other' };
    yield { hook: 'OUTPUT', way: { in: '', out: name }, from: 'other', to: end };
    if (typeof end === 'object') yield { hook: 'FORWARD', way: { in: name, out: name }, from: end, to: end };
    yield { hook: 'FORWARD', way: { in: name, out: other }, from: end, to: 'other' };
    if (end !== 'other') yield { hook: 'FORWARD', way: { in: other, out: name }, from: 'other', to: end };
  }
  // Interfaces with a host endpoint of their own: past each, and between it and a pod, which asks one after the other.
  const pod = ends.find(({ end }) => typeof end === 'object');
  const own = ends.slice(1).filter(({ end }) => end === 'other');
  for (const { name } of own)
    for (const far of [{ end: 'other' as const, name: other }, ...(pod === undefined ? [] : [pod])]) {
      yield { hook: 'FORWARD', way: { in: name, out: far.name }, from: 'other', to: far.end };
      yield { hook: 'FORWARD', way: { in: far.name, out: name }, from: far.end, to: 'other' };
    }
}

interface NamedEnd {
  readonly end: End;
  readonly name: string;
}

/** Every end of a way; the first stands for all interfaces that have no name here. */
function endsOf(
  { state, config, plans }: Looked,
  [other = '', ...more]: readonly string[],
): readonly NamedEnd[] {
  const ends: NamedEnd[] = [
    { end: 'other', name: other },
    { end: 'unknown', name: unknownInterface(plans, config) },
    ...more.map(name => ({ end: 'other' as const, name })),
  ];
  for (const plan of state.endpoints.values())
    for (const name of config.interfacesOf(plan.key)) ends.push({ end: plan, name });
  return ends;
}

/** A name that begins like a pod's interface and is none. */
function unknownInterface(plans: Looked['plans'], config: NodeConfig): string {
  let name = `${config.workloadInterfacePrefix}?`;
  while (plans.has(name)) name += '?';
  return name;
}
