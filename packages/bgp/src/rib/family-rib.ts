import type { RouteFamily } from '../wire/route-family.ts';
import type { AttributeTable } from './attribute-table.ts';
import { grown } from './column.ts';
import { type Candidate, type Decision, decide } from './decision.ts';
import { PathChoice } from './path-choice.ts';
import { PathTable, STALE } from './path-table.ts';
import type { PeerTable } from './peer-table.ts';
import { PrefixTable } from './prefix-table.ts';
import { SlotCount } from './slot-count.ts';
import { MARK } from './stored-columns.ts';

const WRITTEN_AT_ONCE = 1024;

/**
 * All paths of one family and the best of each prefix: Adj-RIB-In and Loc-RIB (RFC 4271 §3.2) as columns.
 * Changes mark prefixes dirty; `settle` decides them anew and tells which bests changed.
 */
export class FamilyRib {
  readonly family: RouteFamily;
  readonly prefixes: PrefixTable;
  readonly paths: PathTable;
  /** How many want to hear of all paths of a prefix, not only of those that are, or tie with, the best. */
  everyPath = 0;
  /** Best path per prefix, 0 without one. */
  best: Int32Array = new Int32Array(256);
  readonly #attributes: AttributeTable;
  readonly #peers: PeerTable;
  #head = new Int32Array(256);
  /** Slots that may have a path, by their last five bits; none when there is no path. */
  #slots = new Int32Array(256);
  #isDirty = new Uint8Array(256);
  /** Reasons outside this table to keep a prefix number: entries in the queues of slow peers. */
  #pins = new Int32Array(256);
  #bestAttributes = new Int32Array(256);
  #bestSlot = new Int32Array(256);
  /** Fingerprints of the ways that share traffic, where there are several. */
  readonly #bestSet = new Map<number, number>();
  readonly #choice: PathChoice;
  #dirty: number[] = [];
  /** So far the columns were written at least once. */
  #written = 256;
  readonly #received = new SlotCount();
  readonly #accepted = new SlotCount();

  constructor(family: RouteFamily, attributes: AttributeTable, peers: PeerTable, maxPaths: number) {
    this.family = family;
    this.prefixes = new PrefixTable(family);
    this.#attributes = attributes;
    this.#peers = peers;
    this.paths = new PathTable(attributes);
    this.#choice = new PathChoice(attributes, this.paths, peers, maxPaths);
  }

  /** Routes received from a slot. */
  receivedCount(slot: number): number {
    return this.#received.of(slot);
  }

  /** Of these, the ones that may compete. */
  acceptedCount(slot: number): number {
    return this.#accepted.of(slot);
  }

  /** Routes of a slot that were kept from before it restarted. */
  staleCount(slot: number): number {
    let count = 0;
    for (let path = 1; path < this.paths.end; path++) {
      if (this.paths.has(path) && this.paths.slot[path] === slot && this.paths.stale[path] !== 0) count++;
    }
    return count;
  }

  /** First path of a prefix; follow `paths.next`. */
  head(entry: number): number {
    return this.#head[entry] as number;
  }

  /** Adds or replaces a path. */
  announce(
    entry: number,
    slot: number,
    pathId: number,
    received: number,
    accepted: number,
    exclusion: number,
  ): void {
    const { paths } = this;
    const head = this.#head[entry] as number;
    const bit = 1 << (slot & 31);
    // Most prefixes are new to the peer that tells them: its list of paths need not be walked to know.
    let path = ((this.#slots[entry] as number) & bit) === 0 ? 0 : this.find(entry, slot, pathId);
    const isNew = path === 0;
    if (isNew) {
      this.#slots[entry]! |= bit;
      path = paths.add(entry, slot, pathId);
      paths.next[path] = head;
      this.#head[entry] = path;
      this.#received.add(slot, 1);
    } else {
      const same = paths.received[path] === received && paths.accepted[path] === accepted;
      if (same && paths.exclusion[path] === exclusion) {
        paths.stale[path] = 0;
        return;
      }
      if (paths.accepted[path] !== 0) this.#accepted.add(slot, -1);
    }
    if (accepted !== 0) this.#accepted.add(slot, 1);
    paths.setAttributes(path, received, accepted, exclusion);
    if (!isNew || this.#matters(entry, path)) this.touch(entry);
  }

  /** The number of a prefix, made when it is new; columns have room for it. */
  entry(w0: number, w1: number, w2: number, w3: number, length: number): number {
    const entry = this.prefixes.add(w0, w1, w2, w3, length);
    if (entry >= this.best.length) this.#grow();
    if (entry >= this.#written) this.#write();
    return entry;
  }

  /** The path of a slot, or 0. */
  find(entry: number, slot: number, pathId: number): number {
    const { paths } = this;
    for (let path = this.#head[entry] as number; path !== 0; path = paths.next[path] as number) {
      if (paths.slot[path] === slot && paths.pathId[path] === pathId) return path;
    }
    return 0;
  }

  /** Removes a path of a prefix; nothing happens when there is none. */
  withdraw(entry: number, slot: number, pathId: number): void {
    const path = this.find(entry, slot, pathId);
    if (path !== 0) this.#drop(path);
  }

  /** Removes all paths of a slot, or only the stale ones (RFC 4724 §4.2), or of these only the recent ones (RFC 9494). */
  removeAll(slot: number, only: 'all' | 'stale' | 'recent' = 'all'): void {
    if (this.receivedCount(slot) === 0) return;
    for (let path = 1; path < this.paths.end; path++) {
      if (!this.paths.has(path) || this.paths.slot[path] !== slot) continue;
      const stale = this.paths.stale[path];
      if (only === 'all' || (only === 'stale' ? stale !== 0 : stale === STALE.recent)) this.#drop(path);
    }
  }

  /** Marks all paths of a slot as stale, but for those that are already; gives how many are (RFC 4724 §4.2). */
  markStale(slot: number): number {
    let count = 0;
    for (let path = 1; path < this.paths.end; path++) {
      if (!this.paths.has(path) || this.paths.slot[path] !== slot) continue;
      if (this.paths.stale[path] === 0) this.paths.stale[path] = STALE.recent;
      count++;
    }
    return count;
  }

  /** Asks for a new decision on a prefix. */
  touch(entry: number): void {
    if (this.#isDirty[entry] === 1) return;
    this.#isDirty[entry] = 1;
    this.#dirty.push(entry);
  }

  /** Whether the best path of a prefix is decided; until then its number may mean another path, or none. */
  isSettled(entry: number): boolean {
    return this.#isDirty[entry] !== 1;
  }

  /** Whether `settle` has something to decide. */
  get isDirty(): boolean {
    return this.#dirty.length > 0;
  }

  /** Asks for a new decision on every prefix. */
  touchAll(): void {
    for (let entry = 1; entry < this.prefixes.end; entry++) if (this.prefixes.has(entry)) this.touch(entry);
  }

  /** Whether packets can get to the path's next hop. */
  isReachable(path: number): boolean {
    return this.#attributes.cost[this.paths.accepted[path] as number] !== Number.POSITIVE_INFINITY;
  }

  /** Keeps a prefix number alive while a queue refers to it. */
  pin(entry: number): void {
    this.#pins[entry]! += 1;
  }

  unpin(entry: number): void {
    this.#pins[entry]! -= 1;
    this.#freeIfUnused(entry);
  }

  /** Decides all dirty prefixes; gives them, and through `changed` those whose best (or ECMP set) changed. */
  settle(changed: (entry: number, equal: readonly number[]) => void): readonly number[] {
    const settled = this.#dirty;
    this.#dirty = [];
    for (const entry of settled) {
      this.#isDirty[entry] = 0;
      const best = this.#choice.choose(this.#head[entry] as number);
      const { equal } = this.#choice;
      this.best[entry] = best;
      const attributes = best === 0 ? 0 : (this.paths.accepted[best] as number);
      const slot = best === 0 ? 0 : (this.paths.slot[best] as number);
      const set = equal.length > 1 ? this.#fingerprint(equal) : 0;
      const same = this.#bestAttributes[entry] === attributes && this.#bestSlot[entry] === slot;
      if (same && this.#bestSetOf(entry) === set) continue;
      this.#attributes.retain(attributes);
      this.#attributes.release(this.#bestAttributes[entry] as number);
      this.#bestAttributes[entry] = attributes;
      this.#bestSlot[entry] = slot;
      if (set !== 0) this.#bestSet.set(entry, set);
      else if (this.#bestSet.size > 0) this.#bestSet.delete(entry);
      changed(entry, equal);
    }
    return settled;
  }

  /** To be called with what `settle` gave, after everybody has seen it. */
  release(settled: readonly number[]): void {
    for (const entry of settled) this.#freeIfUnused(entry);
  }

  /** All paths of a prefix and how they compare. */
  decision(entry: number): { readonly paths: readonly number[]; readonly decision: Decision } {
    const paths = this.competing(entry);
    return { paths, decision: decide(paths.map(path => this.#candidate(path))) };
  }

  /** All paths of a prefix that could be used. */
  competing(entry: number): number[] {
    const list: number[] = [];
    const { paths } = this;
    for (let path = this.#head[entry] as number; path !== 0; path = paths.next[path] as number) {
      if (paths.accepted[path] !== 0 && this.isReachable(path)) list.push(path);
    }
    return list;
  }

  #bestSetOf(entry: number): number {
    return this.#bestSet.size === 0 ? 0 : (this.#bestSet.get(entry) ?? 0);
  }

  /** 53 bits over attribute sets and sources: two sets that differ look alike once in 10^16. */
  #fingerprint(equal: readonly number[]): number {
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    for (const path of equal) {
      low = Math.imul(low ^ (this.paths.accepted[path] as number), 0x01000193);
      low = Math.imul(low ^ (this.paths.slot[path] as number), 0x01000193);
      high = Math.imul(high ^ (this.paths.slot[path] as number), 0x85ebca6b);
      high = Math.imul((high ^ (high >>> 13)) + (this.paths.accepted[path] as number), 0xc2b2ae35);
    }
    return 1 + (low >>> 0) * 0x100000 + (high >>> 12);
  }

  #candidate(path: number): Candidate {
    const { paths } = this;
    const a = this.#attributes;
    const id = paths.accepted[path] as number;
    const slot = paths.slot[path] as number;
    const peer = this.#peers.get(slot);
    return {
      learned: slot === 0 ? 0 : 1,
      lastResort: ((a.marks[id] as number) & MARK.lastResort) === 0 ? 0 : 1,
      localPref: a.localPref[id] as number,
      pathLength: a.pathLength[id] as number,
      origin: a.origin[id] as number,
      med: a.med[id] as number,
      neighbourAs: a.neighbourAs[id] as number,
      internal: peer.kind === 'ibgp' ? 1 : 0,
      cost: a.cost[id] as number,
      routerId: (a.originatorId[id] as number) || peer.routerId.bits,
      clusterLength: a.clusterLength[id] as number,
      addressRank: this.#peers.addressRank(slot),
      pathId: paths.pathId[path] as number,
    };
  }

  #drop(path: number): void {
    const { paths } = this;
    const entry = paths.prefix[path] as number;
    const slot = paths.slot[path] as number;
    if (this.#head[entry] === path) {
      this.#head[entry] = paths.next[path] as number;
      if (this.#head[entry] === 0) this.#slots[entry] = 0;
    } else {
      let before = this.#head[entry] as number;
      while (paths.next[before] !== path) before = paths.next[before] as number;
      paths.next[before] = paths.next[path] as number;
    }
    this.#received.add(slot, -1);
    if (paths.accepted[path] !== 0) this.#accepted.add(slot, -1);
    const matters = this.#matters(entry, path);
    paths.remove(path);
    if (matters) this.touch(entry);
  }

  /** Whether a decision can be another one with a path than without it. */
  #matters(entry: number, path: number): boolean {
    const best = this.best[entry] as number;
    if (this.everyPath > 0 || best === 0 || best === path || this.#isDirty[entry] === 1) return true;
    return this.#choice.competes(path, best);
  }

  #freeIfUnused(entry: number): void {
    if (this.#head[entry] !== 0 || this.#pins[entry] !== 0 || this.#isDirty[entry] === 1) return;
    if (this.prefixes.has(entry) && this.#bestAttributes[entry] === 0) this.prefixes.remove(entry);
  }

  /** Writes the next piece of the columns: a page that is read before it is written costs two faults, and every core a pause. */
  #write(): void {
    const [from, end] = [this.#written, this.#written + WRITTEN_AT_ONCE];
    this.best.fill(0, from, end);
    this.#head.fill(0, from, end);
    this.#slots.fill(0, from, end);
    this.#isDirty.fill(0, from, end);
    this.#pins.fill(0, from, end);
    this.#bestAttributes.fill(0, from, end);
    this.#bestSlot.fill(0, from, end);
    this.#written = end;
  }

  #grow(): void {
    const size = this.prefixes.capacity;
    this.best = grown(this.best, size);
    this.#head = grown(this.#head, size);
    this.#slots = grown(this.#slots, size);
    this.#isDirty = grown(this.#isDirty, size);
    this.#pins = grown(this.#pins, size);
    this.#bestAttributes = grown(this.#bestAttributes, size);
    this.#bestSlot = grown(this.#bestSlot, size);
  }
}
