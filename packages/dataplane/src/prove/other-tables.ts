import type { EndpointPlan, NodeState } from '@muslin/api';
import type { NodeConfig } from '../compile/config.ts';
import type { Match } from '../ir/match.ts';
import {
  type Chain,
  type HookName,
  reachable,
  type Ruleset,
  type TableName,
  type TableRules,
} from '../ir/ruleset.ts';
import { UNTOUCHED } from './compare.ts';
import { ALL } from './diagram.ts';
import { EarlyIntentions, type Meant } from './early-intentions.ts';
import type { HostIntentions } from './host-intentions.ts';
import type { End } from './intended.ts';
import { NatIntentions } from './nat-intentions.ts';
import type { Space } from './space.ts';
import { changedRules, type Looked, sameEntries, sameFixed, type Touched } from './touched.ts';
import type { Way } from './walk.ts';

/** The tables beside the filter table, with the hooks that mean something. */
const HOOKS = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'POSTROUTING'],
  nat: ['PREROUTING', 'OUTPUT', 'POSTROUTING'],
} as const satisfies Partial<Record<TableName, readonly HookName[]>>;

export type OtherTable = keyof typeof HOOKS;
export const OTHER_TABLES = Object.keys(HOOKS) as readonly OtherTable[];

/** A way through a table, and who gives what should happen there. */
export interface OtherWay {
  readonly hook: HookName;
  readonly way: Way;
  readonly end: End;
  readonly meant: () => Meant;
}

/** What rules of a table are told in one round: those that a hook leads to. */
export interface Scope {
  readonly rules: TableRules;
  /** Interfaces that they name, and one for each beginning of names. */
  readonly names: ReadonlySet<string>;
}

/** A table as a ruleset has it; without the chains of other tables, which nftables keeps in one. */
export function scopeOf(ruleset: Ruleset, table: OtherTable): Scope {
  const { hooks, chains } = ruleset.tables.get(table) ?? { hooks: new Map(), chains: new Map() };
  const rules = { hooks, chains: reachable(hooks, chains) };
  const names = new Set<string>();
  for (const chain of rules.chains.values()) for (const name of namesIn(chain)) names.add(name);
  return { rules, names };
}

/** What a node means to do in a table at a hook. */
export class OtherIntentions {
  readonly #hosts: HostIntentions;
  readonly #early: EarlyIntentions;
  readonly #nat: NatIntentions;

  constructor(space: Space, hosts: HostIntentions, config: NodeConfig) {
    this.#hosts = hosts;
    this.#early = new EarlyIntentions(space, hosts, config);
    this.#nat = new NatIntentions(space, config);
  }

  /**
   * Every kind of way through a table. Interfaces that no rule names and no host endpoint stands at are alike, so that one
   * stands for all; of pods that no rule names, the one that nobody knows, which has no address of its own.
   */
  *ways(
    table: OtherTable,
    { rules, names }: Scope,
    plans: ReadonlyMap<string, EndpointPlan>,
    unknown: string,
    config: NodeConfig,
    touched: Touched | undefined,
  ): Generator<OtherWay> {
    const by = config.natOutgoingInterface;
    const all = new Set([
      ...this.#hosts.interfaces,
      unknown,
      ...names,
      ...(by === undefined ? [] : [by.name]),
    ]);
    for (const hook of new Set<HookName>([...HOOKS[table], ...rules.hooks.keys()]))
      for (const name of all) {
        if (touched !== undefined && !touched(name)) continue;
        const pod = name.startsWith(config.workloadInterfacePrefix);
        const end = plans.get(name) ?? (pod ? 'unknown' : 'other');
        const into = hook === 'PREROUTING' || hook === 'INPUT';
        const way = into ? { in: name, out: '' } : { in: '', out: name };
        yield { hook, way, end, meant: () => this.#meant(table, hook, name, end) };
      }
  }

  #meant(table: OtherTable, hook: HookName, name: string, end: End): Meant {
    switch (`${table} ${hook}`) {
      case 'raw PREROUTING':
        return this.#early.cameIn(name, end);
      case 'raw OUTPUT':
        return this.#early.sent(name);
      case 'mangle PREROUTING':
        return this.#early.beforeDnat(name);
      case 'mangle POSTROUTING':
        return this.#early.afterDnat(name);
      case 'nat PREROUTING':
      case 'nat OUTPUT':
        return { course: this.#nat.destinations(), care: ALL };
      case 'nat POSTROUTING':
        return { course: this.#nat.sources(name), care: ALL };
      default:
        return { course: UNTOUCHED, care: ALL };
    }
  }
}

/** What was compared of one table when all of it was found equal. */
export interface OtherLooked {
  readonly looked: Looked;
  readonly scope: Scope;
  readonly hostPorts: unknown;
  readonly floatingIps: unknown;
}

/** Which interfaces may be touched since; undefined: any. */
export function othersTouched(before: OtherLooked, now: OtherLooked): Touched | undefined {
  const [was, is] = [before.looked, now.looked];
  if (was.config !== is.config || !sameHosts(was.state, is.state)) return undefined;
  if (before.hostPorts !== now.hostPorts || before.floatingIps !== now.floatingIps) return undefined;
  const [old, fresh] = [before.scope.rules, now.scope.rules];
  if (!sameFixed(was.ruleset, is.ruleset) || !sameEntries(old.hooks, fresh.hooks)) return undefined;
  const changed = sameEntries(old.chains, fresh.chains) ? () => false : changedRules(old, fresh);
  return changed && (name => changed(name) || was.plans.get(name) !== is.plans.get(name));
}

/** Without host endpoints no policy is asked in these tables. */
function sameHosts(was: NodeState, is: NodeState): boolean {
  return (
    was.hosts === is.hosts &&
    (is.hosts === undefined || (was.policies === is.policies && was.sets === is.sets))
  );
}

const named = new WeakMap<Chain, readonly string[]>();

function namesIn(chain: Chain): readonly string[] {
  let names = named.get(chain);
  if (names === undefined) {
    names = chain.rules.flatMap(({ matches, action }) => [
      ...matches.flatMap(namesOf),
      ...(action.kind === 'dispatch' ? action.chains.keys() : []),
    ]);
    named.set(chain, names);
  }
  return names;
}

function namesOf(match: Match): readonly string[] {
  if (match.kind === 'any') return match.of.flatMap(all => all.flatMap(namesOf));
  if (match.kind !== 'in-interface' && match.kind !== 'out-interface') return [];
  return [match.wildcard ? `${match.name}?` : match.name];
}
