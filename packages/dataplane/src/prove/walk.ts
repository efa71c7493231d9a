import type { SetId } from '@muslin/api';
import { formatIp, formatPortRange } from '@muslin/net';
import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { InterfaceMatch } from '../ir/matches/interface.ts';
import type { Chain, Rule, TableRules } from '../ir/ruleset.ts';
import { ALL, type Node, NONE } from './diagram.ts';
import { type KnownSets, matchSpace } from './match-space.ts';
import { LEVEL, type Space, UNTRACKED_BIT } from './space.ts';

/** Interfaces of the packets that are looked at; the empty name for none. */
export interface Way {
  readonly in: string;
  readonly out: string;
}

/** Where packets leave a chain, as sets of packets and of the marks that they came with. */
export interface Exits {
  readonly accept: Node;
  readonly drop: Node;
  /** By what rules translate them to, in words of `translationOf`. */
  readonly translated: ReadonlyMap<string, Node>;
  /** Back to whoever called. */
  readonly back: Node;
  /** Of those that go back: where each mark bit that the chain may write is set, and `UNTRACKED_BIT`. */
  readonly marks: ReadonlyMap<number, Node>;
}

type Translation = Extract<Action, { kind: 'masquerade' | 'snat' | 'dnat' }>;

/** A translation in words: `masquerade`, `masquerade 80:90`, `snat 10.9.0.1`, `dnat 10.0.0.1 80`. */
export function translationOf(action: Translation): string {
  const words: (string | number)[] = [action.kind];
  if (action.kind !== 'masquerade') words.push(formatIp(action.ip));
  if (action.kind === 'dnat') words.push(...(action.port === undefined ? [] : [action.port]));
  else if (action.ports !== undefined) words.push(formatPortRange(action.ports));
  return words.join(' ');
}

/** Ways whose texts are remembered: four of each pod, and room for those that come and go. */
const MOST_WAYS = 20_000;

interface Known {
  readonly callees: readonly Exits[];
  readonly held: readonly object[];
  readonly exits: Exits;
}

type Bits = ReadonlyMap<number, Node>;

/** What is looked into of a set that rules define themselves: another object when it stands for something else. */
const heldBy = (set: SetId, { derived, fixed }: KnownSets): object | undefined =>
  derived.get(set) ?? fixed.get(set)?.members;

/** One table, and what was found out about its chains that ask for no interface. */
interface Run {
  readonly table: TableRules;
  readonly sets: KnownSets;
  readonly free: Map<string, boolean>;
  readonly done: Map<string, Exits>;
}

/**
 * What chains do to all packets at once. A chain that asks for no interface, and calls none that does, is worked out
 * once and remembered as long as it, what it calls, and the sets that it looks into stay the same objects.
 */
export class Walker {
  readonly #space: Space;
  readonly #known = new WeakMap<Chain, Known>();
  /** Chains that do the same have the same exits. */
  readonly #exits = new Map<string, Exits>();
  /** What chains that ask for interfaces do, by what is left of them for a way. */
  #ways = new Map<string, Exits>();
  readonly #numbers = new WeakMap<object, number>();
  #numbered = 0;

  constructor(space: Space) {
    this.#space = space;
  }

  /** Gives what the chains of one table do, from any of them, to packets of any way. */
  over(table: TableRules, sets: KnownSets): (start: string, way: Way) => Exits {
    const run: Run = { table, sets, free: new Map(), done: new Map() };
    return (start, way) => this.#chain(start, run, way);
  }

  #chain(name: string, run: Run, way: Way): Exits {
    const done = run.done.get(name);
    if (done !== undefined) return done;
    const chain = chainOf(run.table, name);
    if (!isFree(name, run, [])) {
      const left = this.#left(name, run, way);
      let exits = this.#ways.get(left);
      if (exits === undefined) {
        exits = this.#run(chain.rules, target => this.#chain(target, run, way), way, run.sets);
        if (this.#ways.size >= MOST_WAYS) this.#ways = new Map();
        this.#ways.set(left, exits);
      }
      return exits;
    }
    const callees = targetsOf(chain).map(target => this.#chain(target, run, way));
    const held = setsOf(chain).flatMap(set => heldBy(set, run.sets) ?? []);
    const known = this.#known.get(chain);
    let exits = known?.exits;
    if (
      known === undefined ||
      exits === undefined ||
      !same(known.callees, callees) ||
      !same(known.held, held)
    ) {
      const byName = new Map(targetsOf(chain).map((target, i) => [target, callees[i] as Exits]));
      exits = this.#run(chain.rules, target => byName.get(target) as Exits, way, run.sets);
      this.#known.set(chain, { callees, held, exits });
    }
    run.done.set(name, exits);
    return exits;
  }

  /**
   * What is left of a chain for a way, as a text: rules for other interfaces are gone, and chains that ask for none are
   * what they do. Two texts that are equal do the same.
   */
  #left(name: string, run: Run, way: Way): string {
    if (isFree(name, run, [])) return `#${this.#number(this.#chain(name, run, way))}`;
    let text = '';
    for (const rule of chainOf(run.table, name).rules) {
      const { matches, action } = rule;
      if (!matches.every(match => !isInterface(match) || meets(match, way[SIDE[match.kind]]))) continue;
      const { own, sets, nested } = textOf(rule);
      text += own;
      if (nested) text += JSON.stringify(way);
      for (const set of sets) {
        const held = heldBy(set, run.sets);
        if (held !== undefined) text += `@${this.#number(held)}`;
      }
      const target = targetOf(action, way);
      if (target !== undefined) text += `(${this.#left(target, run, way)})`;
    }
    return text;
  }

  /** The same number for the same object. */
  #number(object: object): number {
    let number = this.#numbers.get(object);
    if (number === undefined) this.#numbers.set(object, (number = this.#numbered++));
    return number;
  }

  #run(rules: readonly Rule[], exitsOf: (chain: string) => Exits, way: Way, sets: KnownSets): Exits {
    const { diagram } = this.#space;
    let here: Node = ALL;
    let bits: Bits = new Map();
    const out = { accept: NONE, drop: NONE, back: NONE };
    const translated = new Map<string, Node>();
    const translate = (to: string, some: Node) =>
      translated.set(to, diagram.or(translated.get(to) ?? NONE, some));
    let backBits: Bits = new Map();
    const leave = (who: Node, carrying: Bits) => {
      backBits = this.#merge(who, carrying, backBits);
      out.back = diagram.or(out.back, who);
    };
    for (const { matches, action } of rules) {
      if (here === NONE) break;
      let who = here;
      for (const match of matches) who = diagram.and(who, this.#match(match, bits, way, sets));
      if (who === NONE) continue;
      const target = targetOf(action, way);
      if (target !== undefined) {
        const called = exitsOf(target);
        const at = (node: Node) => diagram.and(who, this.#carried(node, bits));
        for (const end of ['accept', 'drop'] as const) out[end] = diagram.or(out[end], at(called[end]));
        for (const [to, some] of called.translated) translate(to, at(some));
        const back = at(called.back);
        const carrying = new Map(bits);
        for (const [bit, node] of called.marks) carrying.set(bit, this.#carried(node, bits));
        here = diagram.without(here, who);
        if (action.kind === 'jump') {
          bits = this.#merge(back, carrying, bits);
          here = diagram.or(here, back);
        } else leave(back, carrying);
        continue;
      }
      switch (action.kind) {
        case 'accept':
        case 'drop':
          out[action.kind] = diagram.or(out[action.kind], who);
          here = diagram.without(here, who);
          break;
        case 'masquerade':
        case 'snat':
        case 'dnat':
          translate(translationOf(action), who);
          here = diagram.without(here, who);
          break;
        case 'reject':
          out.drop = diagram.or(out.drop, who);
          here = diagram.without(here, who);
          break;
        case 'return':
          leave(who, bits);
          here = diagram.without(here, who);
          break;
        case 'mark':
          bits = this.#merge(who, new Map([...bits, ...written(action.value, action.mask)]), bits);
          break;
        case 'notrack':
          bits = this.#merge(who, new Map([...bits, [UNTRACKED_BIT, ALL]]), bits);
          break;
        case 'dispatch':
        case 'log':
        case 'nflog':
          break;
        default:
          throw new Error(`${action.kind} leads nowhere`);
      }
    }
    leave(here, bits);
    const ends = translated.size === 0 ? '' : ` ${[...translated].flat().join()} `;
    const key = `${Object.values(out).join()}${ends},${[...backBits].flat().join()}`;
    let exits = this.#exits.get(key);
    if (exits === undefined) this.#exits.set(key, (exits = { ...out, translated, marks: backBits }));
    return exits;
  }

  #match(match: Match, bits: Bits, way: Way, sets: KnownSets): Node {
    const { diagram } = this.#space;
    switch (match.kind) {
      case 'in-interface':
        return meets(match, way.in) ? ALL : NONE;
      case 'out-interface':
        return meets(match, way.out) ? ALL : NONE;
      case 'mark': {
        let node: Node = (match.value & ~match.mask) === 0 ? ALL : NONE;
        for (const bit of bitsOf(match.mask)) {
          const is = bits.get(bit) ?? this.#space.markBit(bit);
          node = (match.value >>> bit) & 1 ? diagram.and(node, is) : diagram.without(node, is);
        }
        return match.not ? diagram.not(node) : node;
      }
      case 'any': {
        const ways = match.of.map(all =>
          all.reduce((node, one) => diagram.and(node, this.#match(one, bits, way, sets)), ALL),
        );
        const node = this.#space.any(ways);
        return match.not ? diagram.not(node) : node;
      }
      default:
        return matchSpace(match, this.#space, sets);
    }
  }

  /** A set of packets and marks at the entry of a chain, seen from where the marks may have been written. */
  #carried(node: Node, bits: Bits): Node {
    const { diagram } = this.#space;
    const [first, ...rest] = [...bits].filter(([bit]) => {
      const [unset, set] = [false, true].map(value => diagram.fix(node, LEVEL.mark + bit, value));
      return unset !== set;
    });
    if (first === undefined) return node;
    const [bit, is] = first;
    // All bits are looked up in the chain's own terms before the first is put in terms of the caller's.
    const others = new Map(rest);
    const when = (value: boolean) => this.#carried(diagram.fix(node, LEVEL.mark + bit, value), others);
    return diagram.choose(is, when(true), when(false));
  }

  #merge(who: Node, carrying: Bits, others: Bits): Bits {
    const merged = new Map(others);
    for (const bit of new Set([...carrying.keys(), ...others.keys()])) {
      const entry = this.#space.markBit(bit);
      merged.set(bit, this.#space.diagram.choose(who, carrying.get(bit) ?? entry, others.get(bit) ?? entry));
    }
    return merged;
  }
}

function chainOf(table: TableRules, name: string): Chain {
  const chain = table.chains.get(name);
  if (chain === undefined) throw new Error(`chain ${name} is referred to but not defined`);
  return chain;
}

/** Whether neither the chain nor what it calls asks for an interface. */
function isFree(name: string, run: Run, path: readonly string[]): boolean {
  const known = run.free.get(name);
  if (known !== undefined) return known;
  if (path.includes(name)) throw new Error(`chain ${name} calls itself`);
  const chain = chainOf(run.table, name);
  const below = [...path, name];
  const free = !factsOf(chain).asks && targetsOf(chain).every(target => isFree(target, run, below));
  run.free.set(name, free);
  return free;
}

function targetOf(action: Action, way: Way): string | undefined {
  if (action.kind === 'jump' || action.kind === 'goto') return action.chain;
  return action.kind === 'dispatch' ? action.chains.get(way[action.by]) : undefined;
}

function written(value: number, mask: number): Bits {
  return new Map(bitsOf(value | mask).map(bit => [bit, (value >>> bit) & 1 ? ALL : NONE]));
}

function bitsOf(mask: number): readonly number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter(bit => (mask >>> bit) & 1);
}

function meets({ name, wildcard, not }: InterfaceMatch, actual: string): boolean {
  return (wildcard ? actual.startsWith(name) : actual === name) !== (not ?? false);
}

const SIDE = { 'in-interface': 'in', 'out-interface': 'out' } as const;

function isInterface(match: Match): match is InterfaceMatch {
  return match.kind in SIDE;
}

interface RuleText {
  /** Everything but interfaces and what a dispatch leads to. */
  readonly own: string;
  readonly sets: readonly string[];
  /** Whether it asks for an interface within an alternative. */
  readonly nested: boolean;
}

const texts = new WeakMap<Rule, RuleText>();

function textOf(rule: Rule): RuleText {
  let known = texts.get(rule);
  if (known === undefined) {
    const { action } = rule;
    const matches = rule.matches.filter(match => !isInterface(match));
    const does = action.kind === 'dispatch' ? { kind: action.kind, by: action.by } : action;
    const own = JSON.stringify([matches, does]);
    known = { own, sets: matches.flatMap(setsIn), nested: matches.some(asks) };
    texts.set(rule, known);
  }
  return known;
}

function setsIn(match: Match): readonly string[] {
  if (match.kind === 'set') return [match.set];
  return match.kind === 'any' ? match.of.flatMap(all => all.flatMap(setsIn)) : [];
}

function asks(match: Match): boolean {
  return match.kind === 'any'
    ? match.of.some(all => all.some(asks))
    : match.kind === 'in-interface' || match.kind === 'out-interface';
}

interface Facts {
  readonly targets: readonly string[];
  readonly sets: readonly string[];
  /** Whether a rule of its own asks for an interface. */
  readonly asks: boolean;
}

const facts = new WeakMap<Chain, Facts>();

function factsOf(chain: Chain): Facts {
  let known = facts.get(chain);
  if (known === undefined) {
    const own = chain.rules.some(({ matches, action }) => action.kind === 'dispatch' || matches.some(asks));
    const targets = chain.rules.flatMap(({ action }) => ('chain' in action ? [action.chain] : []));
    const sets = chain.rules.flatMap(({ matches }) => matches.flatMap(setsIn));
    known = { targets: [...new Set(targets)], sets: [...new Set(sets)], asks: own };
    facts.set(chain, known);
  }
  return known;
}

const targetsOf = (chain: Chain) => factsOf(chain).targets;
const setsOf = (chain: Chain) => factsOf(chain).sets;

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
