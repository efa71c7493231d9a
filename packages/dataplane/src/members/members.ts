/** Members that come and go from one version of a set to another. */
export interface MemberChanges {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/**
 * A set that gives birth to its next version in the time that the change takes, however large it is, and later
 * tells what changed in between. All versions share one `Set`, which the newest owns; an older one knows how it
 * differs from the one that took its place (H. Baker, "Shallow binding makes functional arrays fast", 1991), so
 * asking it costs a little more. Nothing newer keeps something older alive.
 */
export class Members implements ReadonlySet<string> {
  #own: Set<string> | undefined;
  #size: number;
  #next: { readonly version: Members; readonly changes: MemberChanges } | undefined;
  /** Lookups for the way back: what `#next` has too much, and what it lacks. */
  #added: ReadonlySet<string> | undefined;
  #removed: ReadonlySet<string> | undefined;
  /** The same for all versions of one set, and for nothing else. */
  readonly line: object;

  private constructor(own: Set<string>, line: object) {
    this.#own = own;
    this.#size = own.size;
    this.line = line;
  }

  /** A first version. */
  static of(members: Iterable<string>): Members {
    return new Members(new Set(members), {});
  }

  /** The next version. Of an older version than the newest it takes a copy, unrelated to the others. */
  patch(changes: MemberChanges): Members {
    const own = this.#own;
    if (own === undefined) return Members.of(this).patch(changes);
    const remove = changes.remove.filter(member => own.delete(member));
    const add = changes.add.filter(member => !own.has(member) && own.add(member));
    // A member that goes and comes back is no change.
    const again = new Set(add.length === 0 ? [] : remove.filter(member => own.has(member)));
    const real: MemberChanges =
      again.size === 0
        ? { add, remove }
        : { add: add.filter(m => !again.has(m)), remove: remove.filter(m => !again.has(m)) };
    const version = new Members(own, this.line);
    this.#own = undefined;
    this.#next = { version, changes: real };
    this.#added = new Set(real.add);
    this.#removed = new Set(real.remove);
    return version;
  }

  /** What turns `old` into this; undefined when `old` is no earlier version of this. */
  changesSince(old: Members): MemberChanges | undefined {
    if (old.line !== this.line) return undefined;
    const add = new Set<string>();
    const remove = new Set<string>();
    for (let at = old; at !== this; ) {
      if (at.#next === undefined) return undefined;
      for (const member of at.#next.changes.remove) if (!add.delete(member)) remove.add(member);
      for (const member of at.#next.changes.add) if (!remove.delete(member)) add.add(member);
      at = at.#next.version;
    }
    return { add: [...add], remove: [...remove] };
  }

  get size(): number {
    return this.#size;
  }

  has(member: string): boolean {
    let at: Members = this;
    while (at.#next !== undefined) {
      if (at.#removed?.has(member)) return true;
      if (at.#added?.has(member)) return false;
      at = at.#next.version;
    }
    return at.#own?.has(member) ?? false;
  }

  /** The plain set: the shared one for the newest version, a copy for older ones. */
  #plain(): ReadonlySet<string> {
    if (this.#own !== undefined) return this.#own;
    let newest: Members = this;
    while (newest.#next !== undefined) newest = newest.#next.version;
    const changes = newest.changesSince(this) as MemberChanges;
    const members = new Set(newest.#own);
    for (const member of changes.add) members.delete(member);
    for (const member of changes.remove) members.add(member);
    return members;
  }

  [Symbol.iterator](): SetIterator<string> {
    return this.#plain()[Symbol.iterator]();
  }
  entries(): SetIterator<[string, string]> {
    return this.#plain().entries();
  }
  keys(): SetIterator<string> {
    return this.#plain().keys();
  }
  values(): SetIterator<string> {
    return this.#plain().values();
  }
  forEach(each: (value: string, key: string, set: ReadonlySet<string>) => void): void {
    for (const member of this.#plain()) each(member, member, this);
  }
  union<U>(other: ReadonlySetLike<U>): Set<string | U> {
    return this.#plain().union(other);
  }
  intersection<U>(other: ReadonlySetLike<U>): Set<string & U> {
    return this.#plain().intersection(other);
  }
  difference<U>(other: ReadonlySetLike<U>): Set<string> {
    return this.#plain().difference(other);
  }
  symmetricDifference<U>(other: ReadonlySetLike<U>): Set<string | U> {
    return this.#plain().symmetricDifference(other);
  }
  isSubsetOf(other: ReadonlySetLike<unknown>): boolean {
    return this.#plain().isSubsetOf(other);
  }
  isSupersetOf(other: ReadonlySetLike<unknown>): boolean {
    return this.#plain().isSupersetOf(other);
  }
  isDisjointFrom(other: ReadonlySetLike<unknown>): boolean {
    return this.#plain().isDisjointFrom(other);
  }
}
