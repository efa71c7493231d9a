import type { AttributeTable } from './attribute-table.ts';
import { grown } from './column.ts';
import type { ExportTreatment, Withheld } from './export-rules.ts';
import { Exporter, type Planned } from './exporter.ts';
import type { FamilyRib } from './family-rib.ts';
import { GroupMember } from './group-member.ts';
import type { OutGroup, SendBytes, SentPath } from './out-group.ts';
import { PassingEdit } from './passing-edit.ts';
import type { PeerTable } from './peer-table.ts';
import { PrefixQueue } from './prefix-queue.ts';
import { NO_SLOT, RouteBatch, withoutSource } from './route-batch.ts';
import { SlotCount } from './slot-count.ts';
import { UpdatePacker } from './update-packer.ts';

const NOBODY: readonly GroupMember[] = [];

/**
 * Adj-RIB-Out of all peers that are treated alike, for one family: what each prefix was last sent with, and which
 * peer it came from (that peer doesn't get it). A change is encoded once; a member that is behind has a queue.
 */
export class UpdateGroup implements OutGroup {
  readonly treatment: ExportTreatment;
  readonly #rib: FamilyRib;
  readonly #attributes: AttributeTable;
  readonly #packer: UpdatePacker;
  readonly #exporter: Exporter;
  /** By slot, and all of them. */
  readonly #bySlot: (GroupMember | undefined)[] = [];
  #members: readonly GroupMember[] = [];
  readonly #batch: RouteBatch;
  /** What only one member sees of an update, by its slot. */
  readonly #extra = new Map<number, RouteBatch>();
  /** How each prefix was sent: see `Planned`. */
  #sent: Int32Array;
  #source: Int32Array;
  /** So far the columns were written at least once. */
  #written = 0;
  #count = 0;
  /** By slot of the source. */
  readonly #countOf = new SlotCount();

  constructor(treatment: ExportTreatment, rib: FamilyRib, attributes: AttributeTable, peers: PeerTable) {
    this.treatment = treatment;
    this.#rib = rib;
    this.#attributes = attributes;
    const edit = new PassingEdit(treatment, rib.family, attributes);
    this.#packer = new UpdatePacker(attributes, rib.prefixes, treatment.wire, edit);
    this.#exporter = new Exporter(treatment, rib, attributes, peers, this.#packer, edit);
    this.#batch = new RouteBatch(attributes);
    this.#sent = new Int32Array(rib.prefixes.capacity);
    this.#source = new Int32Array(rib.prefixes.capacity);
    this.#ensure();
    // What is not decided comes with the next update.
    for (let entry = 1; entry < rib.prefixes.end; entry++)
      if (rib.best[entry] && rib.isSettled(entry)) this.#compute(entry);
    this.#exporter.forget();
  }

  get size(): number {
    return this.#members.length;
  }

  member(slot: number): GroupMember | undefined {
    return this.#bySlot[slot];
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
    const member = this.#bySlot[slot];
    if (member === undefined || !member.beginRefresh(send !== undefined)) return;
    if (send !== undefined) {
      this.#packer.refreshMark(1);
      send(slot, this.#packer.take());
    }
    this.#queueAll(member, true);
  }

  leave(slot: number): void {
    this.#bySlot[slot]?.clear();
    this.#bySlot[slot] = undefined;
    this.#members = this.#members.filter(member => member.slot !== slot);
    this.#extra.delete(slot);
  }

  dispose(): void {
    for (const { slot } of this.#members) this.leave(slot);
    for (let entry = 1; entry < this.#sent.length; entry++)
      this.#attributes.release(Math.abs(this.#sent[entry] as number));
    this.#sent.fill(0);
  }

  advertisedCount(slot: number): number {
    return this.#count - this.#countOf.of(slot);
  }

  advertisedPaths(slot: number, entry: number): readonly SentPath[] {
    const attributes = this.advertised(slot, entry);
    return attributes === 0 ? [] : [{ path: this.#rib.best[entry] as number, attributes }];
  }

  /** The attribute set that a member has for a prefix, or 0; valid for this call. */
  advertised(slot: number, entry: number): number {
    return this.#exporter.interned(this.#planned(slot, entry));
  }

  withheld(entry: number): Withheld | undefined {
    const best = this.#rib.best[entry] as number;
    const result = best === 0 ? undefined : this.#exporter.export(entry, best);
    this.#exporter.forget();
    return typeof result === 'string' ? result : undefined;
  }

  update(entries: readonly number[], send: SendBytes): void {
    this.#ensure();
    let behind = NOBODY;
    for (const member of this.#members) if (!member.inStep) behind = [...behind, member];
    for (const entry of entries) {
      const old = this.#sent[entry] as number;
      const oldSource = old === 0 ? NO_SLOT : (this.#source[entry] as number);
      this.#compute(entry);
      const now = this.#sent[entry] as number;
      const source = this.#source[entry] as number;
      const same = this.#exporter.alike(now, old);
      if (same && (now === 0 || source === oldSource)) continue;
      for (const member of behind) member.queue(entry, old !== 0 && oldSource !== member.slot);
      if (now === 0) this.#batch.add(entry, 0, this.#memberSlot(oldSource));
      else if (!same) {
        this.#batch.add(entry, now, this.#memberSlot(source));
        if (old !== 0 && oldSource !== source) this.#single(source, entry, 0);
      } else {
        // Same bytes from another peer: only these two see a difference.
        this.#single(oldSource, entry, now);
        this.#single(source, entry, 0);
      }
    }
    this.#exporter.forget();
    this.#sendBatch(send);
  }

  drain(slot: number, limit: number, send: SendBytes): boolean {
    const member = this.#bySlot[slot];
    if (member === undefined) return true;
    const batch = this.#batch;
    const taken: number[] = [];
    member.take(limit, (entry, hadIt) => {
      taken.push(entry);
      const attributes = this.#planned(slot, entry);
      if (attributes !== 0 || hadIt) batch.add(entry, attributes, NO_SLOT);
    });
    const routes = batch.size > 0 ? batch.pack(this.#packer).bytes : undefined;
    const next = member.caughtUp(this.#packer);
    if (routes !== undefined) send(slot, routes);
    if (this.#packer.length > 0) send(slot, this.#packer.take());
    for (const entry of taken) this.#rib.unpin(entry);
    if (next.refresh === 'no') return next.done;
    this.refresh(slot, next.refresh === 'bracketed' ? send : undefined);
    return false;
  }

  #planned(slot: number, entry: number): Planned {
    if (entry >= this.#sent.length || this.#source[entry] === slot) return 0;
    return this.#sent[entry] as number;
  }

  #addMember(slot: number): GroupMember {
    const member = new GroupMember(slot, this.#rib, new PrefixQueue(), key => key);
    this.#bySlot[slot] = member;
    this.#members = [...this.#members, member];
    return member;
  }

  #queueAll(member: GroupMember, hadIt: boolean): void {
    for (let entry = 1; entry < this.#rib.prefixes.end; entry++) {
      if (this.#planned(member.slot, entry) !== 0) member.queue(entry, hadIt);
    }
  }

  #ensure(): void {
    const { capacity, end } = this.#rib.prefixes;
    if (capacity > this.#sent.length) {
      this.#sent = grown(this.#sent, capacity);
      this.#source = grown(this.#source, capacity);
    }
    if (end <= this.#written) return;
    // See `FamilyRib`.
    this.#sent.fill(0, this.#written, end);
    this.#source.fill(0, this.#written, end);
    this.#written = end;
  }

  #memberSlot(source: number): number {
    return this.#bySlot[source] === undefined ? NO_SLOT : source;
  }

  /** 0 withdraws. */
  #single(slot: number, entry: number, attributes: Planned): void {
    const member = this.#bySlot[slot];
    if (member === undefined || !member.inStep) return;
    let batch = this.#extra.get(slot);
    if (batch === undefined) {
      batch = new RouteBatch(this.#attributes);
      this.#extra.set(slot, batch);
    }
    batch.add(entry, attributes, NO_SLOT);
  }

  /** One encoding for all members that keep up, but for what each told us itself. */
  #sendBatch(send: SendBytes): void {
    const packed = this.#batch.size > 0 ? this.#batch.pack(this.#packer) : undefined;
    for (const member of this.#members) {
      if (!member.inStep) continue;
      const bytes = packed === undefined ? undefined : withoutSource(packed, member.slot);
      if (bytes !== undefined) send(member.slot, bytes);
      const extra = this.#extra.size === 0 ? undefined : this.#extra.get(member.slot);
      if (extra !== undefined && extra.size > 0) send(member.slot, extra.pack(this.#packer).bytes);
    }
  }

  /** Sets what a prefix should be sent with. */
  #compute(entry: number): void {
    const best = this.#rib.best[entry] as number;
    const exported = best === 0 ? 'export-filter' : this.#exporter.plan(entry, best);
    const attributes = typeof exported === 'string' ? 0 : exported;
    const source = best === 0 ? 0 : (this.#rib.paths.slot[best] as number);
    const old = this.#sent[entry] as number;
    if (old !== 0) this.#tally(this.#source[entry] as number, -1);
    if (attributes !== 0) this.#tally(source, 1);
    this.#attributes.retain(Math.abs(attributes));
    this.#attributes.release(Math.abs(old));
    this.#sent[entry] = attributes;
    this.#source[entry] = source;
  }

  #tally(source: number, by: number): void {
    this.#count += by;
    this.#countOf.add(source, by);
  }
}
