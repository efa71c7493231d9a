import type { AttributeTable } from './attribute-table.ts';
import { grown } from './column.ts';
import type { PathTable } from './path-table.ts';
import { MARK } from './stored-columns.ts';
import type { PeerTable } from './peer-table.ts';
import { compareAddress } from './rib-peer.ts';

const NONE: readonly number[] = [];

/**
 * The decision process of `decision.ts` over columns, without making objects: it runs for every change of every
 * prefix. Always equal to `decide` (property test); `bench/relay.ts` shows what it saves.
 */
export class PathChoice {
  /** After `choose`: the best path, then those that share its traffic, in the order of the decision. */
  equal: readonly number[] = NONE;
  readonly #attributes: AttributeTable;
  readonly #paths: PathTable;
  readonly #peers: PeerTable;
  readonly #only = [0];
  /** Paths that are left: the first `#count`. An array that is cut short costs a call of the runtime. */
  #left = new Int32Array(64);
  #count = 0;
  readonly #most: number;

  /** `most`: how many paths may share the traffic of a prefix. */
  constructor(attributes: AttributeTable, paths: PathTable, peers: PeerTable, most: number) {
    this.#most = most;
    this.#attributes = attributes;
    this.#paths = paths;
    this.#peers = peers;
  }

  /** Chooses among the paths of a list; gives the best or 0. */
  choose(head: number): number {
    const { accepted, next } = this.#paths;
    const { cost } = this.#attributes;
    if (head === 0 || next[head] === 0) {
      const id = head === 0 ? 0 : (accepted[head] as number);
      return this.#alone(id === 0 || cost[id] === Number.POSITIVE_INFINITY ? 0 : head);
    }
    this.#count = 0;
    for (let path = head; path !== 0; path = next[path] as number) {
      const id = accepted[path] as number;
      if (id === 0 || cost[id] === Number.POSITIVE_INFINITY) continue;
      const order = this.#count === 0 ? 0 : this.#compareFirst(path, this.#left[0] as number);
      if (order > 0) continue;
      if (order < 0) this.#count = 0;
      if (this.#count === this.#left.length) this.#left = grown(this.#left, this.#count * 2);
      this.#left[this.#count++] = path;
    }
    if (this.#count > 1) {
      this.#dropHigherMed();
      this.#dropInternal();
      this.#dropFarther();
      this.#sort();
    }
    const most = Math.min(this.#count, this.#most);
    const best = this.#count === 0 ? 0 : (this.#left[0] as number);
    if (most < 2) return this.#alone(best);
    const equal = [best];
    for (let i = 1; i < most; i++) equal.push(this.#left[i] as number);
    this.equal = equal;
    return best;
  }

  #alone(best: number): number {
    this.#only[0] = best;
    this.equal = best === 0 ? NONE : this.#only;
    return best;
  }

  /** Whether a path gets as far as a best one: up to MED, where paths begin to depend on each other. */
  competes(path: number, best: number): boolean {
    const id = this.#paths.accepted[path] as number;
    if (id === 0 || this.#attributes.cost[id] === Number.POSITIVE_INFINITY) return false;
    return this.#compareFirst(path, best) <= 0;
  }

  /** Puts the best `most` in order: paths mostly came in the order of their peers, so insertion finds its place at once. */
  #sort(): void {
    const left = this.#left;
    let sorted = 1;
    for (let i = 1; i < this.#count; i++) {
      const path = left[i] as number;
      let at = sorted;
      while (at > 0 && this.#compareLast(left[at - 1] as number, path) > 0) at--;
      if (at >= this.#most) continue;
      if (sorted < this.#most) sorted++;
      for (let j = sorted - 1; j > at; j--) left[j] = left[j - 1] as number;
      left[at] = path;
    }
    this.#count = sorted;
  }

  /** Own route, last resort, LOCAL_PREF, AS path, ORIGIN: negative when `a` is better. */
  #compareFirst(a: number, b: number): number {
    const { accepted, slot } = this.#paths;
    const t = this.#attributes;
    const x = accepted[a] as number;
    const y = accepted[b] as number;
    if (x === y && slot[a] !== 0 && slot[b] !== 0) return 0;
    return (
      Number(slot[a] !== 0) - Number(slot[b] !== 0) ||
      ((t.marks[x] as number) & MARK.lastResort) - ((t.marks[y] as number) & MARK.lastResort) ||
      (t.localPref[y] as number) - (t.localPref[x] as number) ||
      (t.pathLength[x] as number) - (t.pathLength[y] as number) ||
      (t.origin[x] as number) - (t.origin[y] as number)
    );
  }

  #dropHigherMed(): void {
    const left = this.#left;
    const { accepted } = this.#paths;
    const { med, neighbourAs } = this.#attributes;
    const first = med[accepted[left[0] as number] as number];
    let differs = false;
    for (let i = 1; i < this.#count; i++) differs ||= med[accepted[left[i] as number] as number] !== first;
    if (!differs) return;
    const all = left.slice(0, this.#count);
    this.#count = 0;
    for (const path of all) {
      const a = accepted[path] as number;
      const loses = all.some(other => {
        const b = accepted[other] as number;
        return neighbourAs[a] === neighbourAs[b] && (med[b] as number) < (med[a] as number);
      });
      if (!loses) left[this.#count++] = path;
    }
  }

  #dropInternal(): void {
    const left = this.#left;
    const { slot } = this.#paths;
    let kept = 0;
    // Compacting in place loses nothing as long as somebody from outside was found.
    for (let i = 0; i < this.#count; i++) {
      const path = left[i] as number;
      if (this.#peers.get(slot[path] as number).kind !== 'ibgp') left[kept++] = path;
    }
    if (kept > 0) this.#count = kept;
  }

  #dropFarther(): void {
    const left = this.#left;
    const { accepted } = this.#paths;
    const { cost } = this.#attributes;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#count; i++)
      least = Math.min(least, cost[accepted[left[i] as number] as number] as number);
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      const path = left[i] as number;
      if (cost[accepted[path] as number] === least) left[kept++] = path;
    }
    this.#count = kept;
  }

  /** Router ID, cluster list, peer address, path identifier. */
  #compareLast(a: number, b: number): number {
    const { accepted, slot, pathId } = this.#paths;
    const t = this.#attributes;
    const x = accepted[a] as number;
    const y = accepted[b] as number;
    const p = slot[a] as number;
    const q = slot[b] as number;
    return (
      ((t.originatorId[x] as number) || this.#peers.get(p).routerId.bits) -
        ((t.originatorId[y] as number) || this.#peers.get(q).routerId.bits) ||
      (t.clusterLength[x] as number) - (t.clusterLength[y] as number) ||
      compareAddress(this.#peers.get(p), this.#peers.get(q)) ||
      (pathId[a] as number) - (pathId[b] as number)
    );
  }
}
