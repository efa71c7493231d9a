import type { AttributeTable } from './attribute-table.ts';
import { grown } from './attribute-table.ts';
import { type ExportTreatment, exportDependsOnPrefix, exportRoute, type Withheld } from './export-rules.ts';
import type { FamilyRib } from './family-rib.ts';
import { GroupMember } from './group-member.ts';
import type { OutGroup, SendBytes, SentPath } from './out-group.ts';
import type { PeerTable } from './peer-table.ts';
import { UpdatePacker } from './update-packer.ts';

const NO_SLOT = -1;

/**
 * Adj-RIB-Out of all peers that are treated alike, for one family: what each prefix was last sent with, and which
 * peer it came from (that peer doesn't get it). A change is encoded once; a member that is behind has a queue.
 */
export class UpdateGroup implements OutGroup {
  readonly treatment: ExportTreatment;
  readonly #rib: FamilyRib;
  readonly #attributes: AttributeTable;
  readonly #peers: PeerTable;
  readonly #packer: UpdatePacker;
  readonly #members = new Map<number, GroupMember>();
  readonly #cacheable: boolean;
  readonly #cache = new Map<number, number>();
  #sent: Int32Array;
  #source: Int32Array;
  #count = 0;
  readonly #countOf = new Map<number, number>();

  constructor(treatment: ExportTreatment, rib: FamilyRib, attributes: AttributeTable, peers: PeerTable) {
    this.treatment = treatment;
    this.#rib = rib;
    this.#attributes = attributes;
    this.#peers = peers;
    this.#packer = new UpdatePacker(attributes, rib.prefixes, treatment.wire);
    this.#cacheable = !exportDependsOnPrefix(treatment);
    this.#sent = new Int32Array(rib.prefixes.capacity);
    this.#source = new Int32Array(rib.prefixes.capacity);
    for (let entry = 1; entry < rib.prefixes.end; entry++) if (rib.best[entry]) this.#compute(entry);
  }

  get size(): number {
    return this.#members.size;
  }

  member(slot: number): GroupMember | undefined {
    return this.#members.get(slot);
  }

  join(slot: number): void {
    const member = this.#addMember(slot);
    this.#queueAll(member, false);
    member.marker = 'end-of-rib';
  }

  takeOver(slot: number, from: OutGroup): void {
    const old = from.member(slot);
    const member = this.#addMember(slot);
    member.continue(old);
    this.#ensure();
    for (let entry = 1; entry < this.#rib.prefixes.end; entry++) {
      const waiting = old?.waiting(entry);
      const had = from.advertisedPaths(slot, entry)[0]?.attributes ?? 0;
      const differs = this.advertised(slot, entry) !== had;
      if (differs || waiting !== undefined) member.queue(entry, waiting ?? had !== 0);
    }
    from.leave(slot);
  }

  refresh(slot: number, send?: SendBytes): void {
    const member = this.#members.get(slot);
    if (member === undefined || !member.beginRefresh(send !== undefined)) return;
    if (send !== undefined) {
      this.#packer.refreshMark(1);
      send(slot, this.#packer.take());
    }
    this.#queueAll(member, true);
  }

  leave(slot: number): void {
    this.#members.get(slot)?.clear();
    this.#members.delete(slot);
  }

  dispose(): void {
    for (const slot of [...this.#members.keys()]) this.leave(slot);
    for (let entry = 1; entry < this.#sent.length; entry++)
      this.#attributes.release(this.#sent[entry] as number);
    this.#sent.fill(0);
  }

  advertisedCount(slot: number): number {
    return this.#count - (this.#countOf.get(slot) ?? 0);
  }

  advertisedPaths(slot: number, entry: number): readonly SentPath[] {
    const attributes = this.advertised(slot, entry);
    return attributes === 0 ? [] : [{ path: this.#rib.best[entry] as number, attributes }];
  }

  /** The attribute set that a member has for a prefix, or 0. */
  advertised(slot: number, entry: number): number {
    if (entry >= this.#sent.length || this.#source[entry] === slot) return 0;
    return this.#sent[entry] as number;
  }

  withheld(entry: number): Withheld | undefined {
    const best = this.#rib.best[entry] as number;
    const result = best === 0 ? undefined : this.#export(entry, best);
    return typeof result === 'string' ? result : undefined;
  }

  update(entries: readonly number[], send: SendBytes): void {
    this.#ensure();
    const announce = new Map<string, { attributes: number; source: number; entries: number[] }>();
    const withdraw = new Map<number, number[]>();
    for (const entry of entries) {
      const oldSource = this.#sent[entry] ? (this.#source[entry] as number) : NO_SLOT;
      const old = this.#sent[entry] as number;
      this.#compute(entry);
      const now = this.#sent[entry] as number;
      const source = this.#source[entry] as number;
      if (now === old && (now === 0 || source === oldSource)) continue;
      this.#queueBehind(entry, old, oldSource);
      if (now === 0) {
        listOf(withdraw, oldSource).push(entry);
        continue;
      }
      if (now === old) {
        // Same bytes from another peer: only these two see a difference.
        this.#single(oldSource, entry, now, send);
        this.#single(source, entry, 0, send);
        continue;
      }
      const key = `${now}/${this.#members.has(source) ? source : NO_SLOT}`;
      let bucket = announce.get(key);
      if (bucket === undefined) {
        bucket = { attributes: now, source: this.#members.has(source) ? source : NO_SLOT, entries: [] };
        announce.set(key, bucket);
      }
      bucket.entries.push(entry);
      if (old !== 0 && oldSource !== source) this.#single(source, entry, 0, send);
    }
    for (const [source, list] of withdraw) {
      this.#packer.withdraw(list);
      this.#toAllBut(source, this.#packer.take(), send);
    }
    for (const bucket of announce.values()) {
      this.#packer.announce(bucket.attributes, bucket.entries);
      this.#toAllBut(bucket.source, this.#packer.take(), send);
    }
    this.#cache.clear();
  }

  drain(slot: number, limit: number, send: SendBytes): boolean {
    const member = this.#members.get(slot);
    if (member === undefined) return true;
    const announce = new Map<number, number[]>();
    const withdraw: number[] = [];
    const taken = member.take(limit);
    for (const { key: entry, hadIt } of taken) {
      const attributes = this.advertised(slot, entry);
      if (attributes !== 0) listOf(announce, attributes).push(entry);
      else if (hadIt) withdraw.push(entry);
    }
    if (withdraw.length > 0) this.#packer.withdraw(withdraw);
    for (const [attributes, list] of announce) this.#packer.announce(attributes, list);
    const next = member.caughtUp(this.#packer);
    const bytes = this.#packer.take();
    if (bytes.length > 0) send(slot, bytes);
    for (const { key } of taken) this.#rib.unpin(key);
    if (next.refresh === 'no') return next.done;
    this.refresh(slot, next.refresh === 'bracketed' ? send : undefined);
    return false;
  }

  #addMember(slot: number): GroupMember {
    const member = new GroupMember(slot, this.#rib, key => key);
    this.#members.set(slot, member);
    return member;
  }

  #queueAll(member: GroupMember, hadIt: boolean): void {
    for (let entry = 1; entry < this.#rib.prefixes.end; entry++) {
      if (this.advertised(member.slot, entry) !== 0) member.queue(entry, hadIt);
    }
  }

  #ensure(): void {
    const size = this.#rib.prefixes.capacity;
    if (size <= this.#sent.length) return;
    this.#sent = grown(this.#sent, new Int32Array(size));
    this.#source = grown(this.#source, new Int32Array(size));
  }

  /** Members that are behind, or must not be written to, get the change later. */
  #queueBehind(entry: number, old: number, oldSource: number): void {
    for (const member of this.#members.values()) {
      if (!member.inStep) member.queue(entry, old !== 0 && oldSource !== member.slot);
    }
  }

  #single(slot: number, entry: number, attributes: number, send: SendBytes): void {
    const member = this.#members.get(slot);
    if (member === undefined || !member.inStep) return;
    if (attributes === 0) this.#packer.withdraw([entry]);
    else this.#packer.announce(attributes, [entry]);
    send(slot, this.#packer.take());
  }

  #toAllBut(slot: number, bytes: Uint8Array, send: SendBytes): void {
    for (const member of this.#members.values()) {
      if (member.slot !== slot && member.inStep) send(member.slot, bytes);
    }
  }

  /** Sets what a prefix should be sent with. */
  #compute(entry: number): void {
    const best = this.#rib.best[entry] as number;
    const exported = best === 0 ? 'export-filter' : this.#export(entry, best);
    const attributes = typeof exported === 'string' ? 0 : exported;
    const source = best === 0 ? 0 : (this.#rib.paths.slot[best] as number);
    const old = this.#sent[entry] as number;
    if (old !== 0) this.#tally(this.#source[entry] as number, -1);
    if (attributes !== 0) this.#tally(source, 1);
    this.#attributes.retain(attributes);
    this.#attributes.release(old);
    this.#sent[entry] = attributes;
    this.#source[entry] = source;
  }

  #tally(source: number, by: number): void {
    this.#count += by;
    this.#countOf.set(source, (this.#countOf.get(source) ?? 0) + by);
  }

  #export(entry: number, path: number): number | Withheld {
    const accepted = this.#rib.paths.accepted[path] as number;
    const slot = this.#rib.paths.slot[path] as number;
    const key = accepted * 65536 + slot;
    const cached = this.#cacheable ? this.#cache.get(key) : undefined;
    if (cached !== undefined) return cached;
    const value = this.#attributes.value(accepted);
    const result = exportRoute(
      this.treatment,
      value,
      this.#peers.get(slot),
      this.#rib.prefixes.prefix(entry),
    );
    if (!result.ok) return result.fault;
    const id = this.#attributes.intern(result.value);
    if (!this.#packer.fits(id)) return 'too-long';
    if (this.#cacheable) this.#cache.set(key, id);
    return id;
  }
}

function listOf<K>(map: Map<K, number[]>, key: K): number[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}
