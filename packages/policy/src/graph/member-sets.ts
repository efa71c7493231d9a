import type { MemberSet, NodeDelta, NodeFacts, ServiceFacts, SetId } from '@muslin/api';
import { kindOf, membersOfNode, membersOfService, type SetMeaning, selectorOf } from '../set-meaning.ts';
import { type Bearer, offered } from './bearer.ts';
import { CountedMembers } from './counted-members.ts';
import type { LabelIndex } from './label-index.ts';
import { SelectorIndex } from './selector-index.ts';

interface Tracked {
  readonly meaning: SetMeaning;
  readonly counted: CountedMembers;
  /** What its Service, or nodes, brought in. */
  others: ReadonlySet<string>;
  references: number;
  /** Whether a flush has told of it; from then on changes are collected. */
  told: boolean;
  readonly added: Set<string>;
  readonly removed: Set<string>;
}

/** The member sets that active policies refer to, kept up to date, with what changed since the last flush. */
export class MemberSets {
  readonly #tracked = new Map<SetId, Tracked>();
  readonly #selectors = new SelectorIndex<SetId>();
  readonly #byService = new Map<string, Set<SetId>>();
  /** Members that bearers elsewhere bring in, as somebody who sees them all has told. */
  readonly #elsewhere = new Map<SetId, Set<string>>();
  readonly #touched = new Set<SetId>();
  readonly #state = new Map<SetId, MemberSet>();
  readonly #bearers: LabelIndex<Bearer>;
  readonly #services: ReadonlyMap<string, ServiceFacts>;
  readonly #nodes: ReadonlyMap<string, NodeFacts>;
  /** Sets of nodes: few, and nodes seldom change. */
  readonly #ofNodes = new Set<SetId>();

  constructor(
    bearers: LabelIndex<Bearer>,
    services: ReadonlyMap<string, ServiceFacts>,
    nodes: ReadonlyMap<string, NodeFacts>,
  ) {
    this.#bearers = bearers;
    this.#services = services;
    this.#nodes = nodes;
  }

  /** The sets as of the last flush: a live view. */
  get state(): ReadonlyMap<SetId, MemberSet> {
    return this.#state;
  }

  /** One more policy refers to the set. */
  acquire(id: SetId, meaning: SetMeaning): void {
    const known = this.#tracked.get(id);
    if (known !== undefined) {
      known.references++;
      return;
    }
    const tracked: Tracked = {
      meaning,
      counted: new CountedMembers(),
      others: new Set(),
      references: 1,
      told: false,
      added: new Set(),
      removed: new Set(),
    };
    this.#tracked.set(id, tracked);
    this.#touched.add(id);
    for (const member of this.#elsewhere.get(id) ?? []) tracked.counted.add(member);
    const selector = selectorOf(meaning);
    if (selector !== undefined) {
      this.#selectors.set(id, selector);
      for (const bearer of this.#bearers.matching(selector))
        for (const member of offered(meaning, bearer)) tracked.counted.add(member);
    } else if ('service' in meaning) {
      const ids = this.#byService.get(meaning.service) ?? new Set();
      this.#byService.set(meaning.service, ids.add(id));
      this.reviewService(meaning.service);
    } else {
      this.#ofNodes.add(id);
      this.#reviewNodesOf(id);
    }
  }

  /** One policy fewer. The set itself goes with the next flush, so that it may be taken up again cheaply. */
  release(id: SetId): void {
    const tracked = this.#tracked.get(id);
    if (tracked !== undefined && --tracked.references === 0) this.#touched.add(id);
  }

  /** A bearer of labels came, changed or went; `changedKeys` when nothing but these labels differs. */
  review(
    before: Bearer | undefined,
    after: Bearer | undefined,
    changedKeys: ReadonlySet<string> | undefined,
  ): void {
    this.#selectors.compare(before?.labels, after?.labels, changedKeys, (id, was, is) => {
      if (was && is && changedKeys !== undefined) return;
      const tracked = this.#tracked.get(id);
      if (tracked === undefined) return;
      // First what comes, then what goes: a member that stays is not touched.
      if (is && after !== undefined)
        for (const member of offered(tracked.meaning, after)) this.#add(id, tracked, member);
      if (was && before !== undefined)
        for (const member of offered(tracked.meaning, before)) this.#remove(id, tracked, member);
    });
  }

  /** A Service came, changed or went. */
  reviewService(service: string): void {
    for (const id of this.#byService.get(service) ?? []) {
      const tracked = this.#tracked.get(id);
      if (tracked === undefined) continue;
      const facts = this.#services.get(service);
      const wanted = new Set(facts === undefined ? [] : membersOfService(tracked.meaning, facts));
      this.#replaceOthers(id, tracked, wanted);
    }
  }

  /** Nodes came, changed or went. */
  reviewNodes(): void {
    for (const id of this.#ofNodes) this.#reviewNodesOf(id);
  }

  #reviewNodesOf(id: SetId): void {
    const tracked = this.#tracked.get(id);
    if (tracked === undefined) return;
    const members = [...this.#nodes.values()].flatMap(node => membersOfNode(tracked.meaning, node));
    this.#replaceOthers(id, tracked, new Set(members));
  }

  #replaceOthers(id: SetId, tracked: Tracked, wanted: ReadonlySet<string>): void {
    const old = tracked.others;
    for (const member of wanted.difference(old)) this.#add(id, tracked, member);
    for (const member of old.difference(wanted)) this.#remove(id, tracked, member);
    tracked.others = wanted;
  }

  /** Replaces the members that are told from elsewhere; undefined: nobody tells of this set any more. */
  tellElsewhere(id: SetId, members: ReadonlySet<string> | undefined): void {
    const old = this.#elsewhere.get(id) ?? new Set();
    this.changeElsewhere(id, (members ?? new Set()).difference(old), old.difference(members ?? new Set()));
    if (members === undefined) this.#elsewhere.delete(id);
  }

  /** Adds to those members and takes from them; what they are already changes nothing. */
  changeElsewhere(id: SetId, add: Iterable<string>, remove: Iterable<string>): void {
    let told = this.#elsewhere.get(id);
    if (told === undefined) this.#elsewhere.set(id, (told = new Set()));
    const tracked = this.#tracked.get(id);
    for (const member of add) {
      if (told.has(member)) continue;
      told.add(member);
      if (tracked !== undefined) this.#add(id, tracked, member);
    }
    for (const member of remove)
      if (told.delete(member) && tracked !== undefined) this.#remove(id, tracked, member);
  }

  /** Sets of which members are told from elsewhere. */
  get elsewhere(): ReadonlyMap<SetId, ReadonlySet<string>> {
    return this.#elsewhere;
  }

  /** What changed since the last flush. */
  flush(): NodeDelta['sets'] {
    const added = new Map<SetId, MemberSet>();
    const changed = new Map<SetId, { add: ReadonlySet<string>; remove: ReadonlySet<string> }>();
    const removed = new Set<SetId>();
    for (const id of this.#touched) {
      const tracked = this.#tracked.get(id);
      if (tracked === undefined) continue;
      const kind = kindOf(tracked.meaning);
      if (tracked.references === 0) {
        this.#drop(id, tracked);
        if (tracked.told) removed.add(id);
      } else if (!tracked.told) {
        tracked.told = true;
        added.set(id, { kind, members: new Set(tracked.counted.members) });
        this.#state.set(id, { kind, members: tracked.counted.members });
      } else if (tracked.added.size + tracked.removed.size > 0) {
        changed.set(id, { add: new Set(tracked.added), remove: new Set(tracked.removed) });
        tracked.added.clear();
        tracked.removed.clear();
      }
    }
    this.#touched.clear();
    return { added, changed, removed };
  }

  #drop(id: SetId, { meaning }: Tracked): void {
    this.#tracked.delete(id);
    this.#state.delete(id);
    this.#selectors.delete(id);
    this.#ofNodes.delete(id);
    if (!('service' in meaning)) return;
    const ids = this.#byService.get(meaning.service);
    if (ids?.delete(id) && ids.size === 0) this.#byService.delete(meaning.service);
  }

  #add(id: SetId, tracked: Tracked, member: string): void {
    if (!tracked.counted.add(member) || !tracked.told) return;
    if (!tracked.removed.delete(member)) tracked.added.add(member);
    this.#touched.add(id);
  }

  #remove(id: SetId, tracked: Tracked, member: string): void {
    if (!tracked.counted.remove(member) || !tracked.told) return;
    if (!tracked.added.delete(member)) tracked.removed.add(member);
    this.#touched.add(id);
  }
}
