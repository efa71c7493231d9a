/** A set whose members may be brought in several times, and leave with the last who brought them. */
export class CountedMembers {
  readonly #members = new Set<string>();
  /** How often beyond the first; nearly always empty, as addresses are nearly always unique. */
  readonly #more = new Map<string, number>();

  /** A live view. */
  get members(): ReadonlySet<string> {
    return this.#members;
  }

  /** Whether the member is new. */
  add(member: string): boolean {
    if (this.#members.has(member)) {
      this.#more.set(member, (this.#more.get(member) ?? 0) + 1);
      return false;
    }
    this.#members.add(member);
    return true;
  }

  /** Whether the member is gone. */
  remove(member: string): boolean {
    const more = this.#more.get(member);
    if (more === undefined) return this.#members.delete(member);
    if (more === 1) this.#more.delete(member);
    else this.#more.set(member, more - 1);
    return false;
  }
}
