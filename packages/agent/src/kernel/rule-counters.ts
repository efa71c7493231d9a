import type { MemberSet, SetId } from '@muslin/api';
import {
  type Counted,
  type NftTable,
  ownerOf,
  type Plan,
  plainId,
  type RenderedTable,
  type Ruleset,
  setName,
  type Subject,
  type TableName,
  Tally,
  type Total,
} from '@muslin/dataplane';
import type { CountReader, RuleCount } from '@muslin/linux';
import type { Family } from '@muslin/net';
import type { BackEnd } from './back-end.ts';
import { type Loss, losses } from './counter-losses.ts';

/** The rules that the kernel holds, with what they were rendered from. */
export interface LoadedRules {
  readonly backEnd: BackEnd;
  readonly rulesets: readonly Ruleset[];
  readonly tables: readonly (NftTable | RenderedTable)[];
  readonly sets: ReadonlyMap<SetId, MemberSet>;
}

type RenderedChain = Pick<RenderedTable['chains'] extends ReadonlyMap<string, infer C> ? C : never, 'rules'>;

/** More chains of a table than this are read as a whole table. */
const MANY_CHAINS = 32;

/**
 * What the kernel counted for each rule of each policy: packets that a rule was asked about and met, which for tracked
 * connections is the first one. Rules have counters of their own, look-ups that stand for several rules have one for each
 * member. Before counters are lost, by a chain that is written anew or a member that goes, they are read.
 */
export class RuleCounters {
  readonly #reader: Pick<CountReader, 'rules' | 'members'>;
  readonly #tally = new Tally();
  #loaded: LoadedRules | undefined;
  /** Chains by the sets that they look into, of what is loaded. */
  #lookers: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(reader: Pick<CountReader, 'rules' | 'members'>) {
    this.#reader = reader;
  }

  /** Reads what a plan is about to take away. */
  before(plan: Plan): readonly Loss[] {
    const loaded = this.#loaded;
    if (loaded === undefined) return [];
    const lost = losses(plan, loaded.backEnd).filter(loss => this.#counts(loaded, loss));
    for (const family of [4, 6] as const) {
      const byTable = Map.groupBy(
        lost.filter(loss => loss.family === family),
        loss => ('chain' in loss ? loss.table : 'filter'),
      );
      for (const [table, list] of byTable) {
        const chains = new Set(
          list.flatMap(loss => ('chain' in loss ? [loss.chain] : this.#lookersOf(loaded, loss.set))),
        );
        this.#read(loaded, family, table, chains);
      }
    }
    return lost;
  }

  /** What was read by `before` is gone now, and these rules are what the kernel holds. */
  after(lost: readonly Loss[], loaded: LoadedRules): void {
    for (const loss of lost) {
      if ('chain' in loss) this.#tally.forget(placeOf(loss.family, loss.table, loss.chain));
      else this.#tally.forget(loss.set, loss.members);
    }
    if (this.#loaded?.backEnd !== loaded.backEnd) this.#tally.forgetAll();
    this.#loaded = loaded;
    this.#lookers = undefined;
  }

  /** Whatever the kernel holds has to be found out anew. */
  totals(isThere: (subject: Subject) => boolean): readonly Total[] {
    const loaded = this.#loaded;
    if (loaded !== undefined)
      for (const table of loaded.tables) {
        const name = 'table' in table ? table.table : 'filter';
        const counting = [...table.chains.values()].some(chain => countsOf(chain).size > 0);
        if (counting) this.#read(loaded, table.family, name, undefined);
      }
    this.#tally.keep(isThere);
    return this.#tally.totals;
  }

  /** Reads rules of one table, and the sets of those that moved; of some chains, or of all. */
  #read(
    loaded: LoadedRules,
    family: Family,
    table: TableName,
    chains: ReadonlySet<string> | undefined,
  ): void {
    const whole = chains === undefined || chains.size > MANY_CHAINS || loaded.backEnd === 'iptables-legacy';
    const asked = whole ? [undefined] : [...chains];
    const rendered = tableOf(loaded, family, table);
    const moved = new Map<string, Counted & { readonly kind: 'members' }>();
    for (const chain of asked) {
      const read = this.#reader.rules(loaded.backEnd, family, table, chain);
      for (const rule of read.ok ? read.value : []) {
        const counts = countsOf(rendered?.chains.get(rule.chain)).get(rule.hash);
        if (counts === undefined) continue;
        const subject = counts.kind === 'members' ? undefined : counts;
        const more = this.#take(family, table, rule, subject);
        if (counts.kind === 'members' && more > 0) moved.set(setName(counts.set, family), counts);
      }
    }
    for (const [name, counts] of moved) this.#readMembers(loaded, family, name, counts);
  }

  #take(family: Family, table: TableName, rule: RuleCount, subject: Subject | undefined): number {
    return this.#tally.take(placeOf(family, table, rule.chain), rule.hash, rule, subject);
  }

  #readMembers(
    { backEnd, rulesets, sets }: LoadedRules,
    family: Family,
    name: string,
    { set, direction }: Counted & { readonly kind: 'members' },
  ): void {
    const derived = rulesets.find(one => one.family === family)?.derived?.get(plainId(set));
    const read = this.#reader.members(backEnd, family, name);
    if (derived === undefined || !read.ok) return;
    for (const count of read.value)
      this.#tally.take(name, count.member, count, ownerOf(count.member, derived, direction, sets, family));
  }

  /** Whether anything is lost at all. */
  #counts(loaded: LoadedRules, loss: Loss): boolean {
    if ('chain' in loss)
      return countsOf(tableOf(loaded, loss.family, loss.table)?.chains.get(loss.chain)).size > 0;
    return this.#lookersOf(loaded, loss.set).length > 0;
  }

  #lookersOf(loaded: LoadedRules, set: string): readonly string[] {
    if (this.#lookers === undefined) {
      const found = new Map<string, string[]>();
      for (const { family, chains } of loaded.tables)
        for (const chain of chains.values())
          for (const counts of countsOf(chain).values()) {
            if (counts.kind !== 'members') continue;
            const name = setName(counts.set, family);
            found.set(name, [...(found.get(name) ?? []), chain.name]);
          }
      this.#lookers = found;
    }
    return this.#lookers.get(set) ?? [];
  }
}

const placeOf = (family: Family, table: TableName, chain: string) => `${family} ${table} ${chain}`;

function tableOf({ tables }: LoadedRules, family: Family, name: TableName) {
  return tables.find(table => table.family === family && (!('table' in table) || table.table === name));
}

const NOTHING: ReadonlyMap<string, Counted> = new Map();
const byHash = new WeakMap<RenderedChain, ReadonlyMap<string, Counted>>();

/** What the rules of a chain count, by their hashes. */
function countsOf(chain: RenderedChain | undefined): ReadonlyMap<string, Counted> {
  if (chain === undefined) return NOTHING;
  let known = byHash.get(chain);
  if (known === undefined) {
    known = new Map(
      chain.rules.flatMap(({ hash, counts }) => (counts === undefined ? [] : [[hash, counts] as const])),
    );
    byHash.set(chain, known);
  }
  return known;
}
