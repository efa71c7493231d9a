import type { AttributeTable } from './attribute-table.ts';
import type { ExportTreatment, Withheld } from './export-rules.ts';
import { Exporter } from './exporter.ts';
import type { FamilyRib } from './family-rib.ts';
import { GroupMember } from './group-member.ts';
import type { OutGroup, SendBytes, SentPath } from './out-group.ts';
import { PassingEdit } from './passing-edit.ts';
import type { PeerTable } from './peer-table.ts';
import { MapQueue } from './prefix-queue.ts';
import { SlotCount } from './slot-count.ts';
import { UpdatePacker } from './update-packer.ts';

interface Sent {
  readonly attributes: number;
  /** Slot of the peer that it came from. */
  readonly source: number;
}

/** Routes that go into messages together; `ids` are their path identifiers. */
interface Bucket {
  readonly entries: number[];
  readonly ids: number[];
}

const NOTHING: ReadonlyMap<number, Sent> = new Map();
/** A queue holds prefix and path in one number: both stay below 2^26. */
const PATHS = 2 ** 26;

/**
 * Adj-RIB-Out of peers that take every path of a prefix, not only the best (RFC 7911): behind a route reflector they
 * can share traffic over all of them. The path identifier is the number of the path in our table.
 */
export class AddPathGroup implements OutGroup {
  readonly treatment: ExportTreatment;
  readonly #rib: FamilyRib;
  readonly #attributes: AttributeTable;
  readonly #exporter: Exporter;
  readonly #queues = new Map<number, MapQueue>();
  readonly #packer: UpdatePacker;
  readonly #members = new Map<number, GroupMember>();
  /** Prefix → path → what was sent. */
  readonly #sent = new Map<number, Map<number, Sent>>();
  #count = 0;
  readonly #countOf = new SlotCount();

  constructor(treatment: ExportTreatment, rib: FamilyRib, attributes: AttributeTable, peers: PeerTable) {
    this.treatment = treatment;
    this.#rib = rib;
    this.#attributes = attributes;
    this.#packer = new UpdatePacker(attributes, rib.prefixes, treatment.wire);
    const edit = new PassingEdit(treatment, rib.family, attributes);
    this.#exporter = new Exporter(treatment, rib, attributes, peers, this.#packer, edit);
    rib.everyPath++;
    for (let entry = 1; entry < rib.prefixes.end; entry++) if (rib.best[entry]) this.#record(entry);
    this.#exporter.forget();
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
    for (let entry = 1; entry < this.#rib.prefixes.end; entry++) {
      const had = new Map(from.advertisedPaths(slot, entry).map(s => [s.path, s.attributes]));
      const has = new Map(this.advertisedPaths(slot, entry).map(s => [s.path, s.attributes]));
      for (const path of new Set([...had.keys(), ...has.keys()])) {
        if (had.get(path) !== has.get(path)) member.queue(entry * PATHS + path, had.has(path));
      }
    }
    // What the peer was still waiting for is known better than what the old group meant to send.
    const waiting = from instanceof AddPathGroup ? from.#queues.get(slot) : undefined;
    for (const [key, hadIt] of waiting ?? []) member.requeue(key, hadIt);
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
    this.#queues.delete(slot);
  }

  dispose(): void {
    this.#rib.everyPath--;
    for (const slot of [...this.#members.keys()]) this.leave(slot);
    for (const sent of this.#sent.values())
      for (const s of sent.values()) this.#attributes.release(s.attributes);
    this.#sent.clear();
  }

  advertisedCount(slot: number): number {
    return this.#count - this.#countOf.of(slot);
  }

  advertisedPaths(slot: number, entry: number): readonly SentPath[] {
    const list: SentPath[] = [];
    for (const [path, { attributes, source }] of this.#sent.get(entry) ?? NOTHING) {
      if (source !== slot) list.push({ path, attributes });
    }
    return list;
  }

  withheld(entry: number): Withheld | undefined {
    const best = this.#rib.best[entry] as number;
    const result = best === 0 ? undefined : this.#exporter.export(entry, best);
    this.#exporter.forget();
    return typeof result === 'string' ? result : undefined;
  }

  update(entries: readonly number[], send: SendBytes): void {
    const announce = new Map<string, Bucket & Sent>();
    const withdraw = new Map<number, Bucket>();
    for (const entry of entries) {
      const { before, now } = this.#record(entry);
      for (const path of new Set([...before.keys(), ...now.keys()])) {
        const old = before.get(path);
        const sent = now.get(path);
        if (old?.attributes === sent?.attributes && old?.source === sent?.source) continue;
        for (const member of this.#members.values()) {
          if (!member.inStep)
            member.queue(entry * PATHS + path, old !== undefined && old.source !== member.slot);
        }
        if (sent === undefined) put(withdraw, (old as Sent).source, entry, path);
        else {
          const key = `${sent.attributes}/${sent.source}`;
          const bucket = announce.get(key) ?? { ...sent, entries: [], ids: [] };
          announce.set(key, bucket);
          bucket.entries.push(entry);
          bucket.ids.push(path);
          if (old !== undefined && old.source !== sent.source)
            this.#withdrawOne(sent.source, entry, path, send);
        }
      }
      // Only now: until here the ids of the old sets had to stay alive.
      for (const { attributes } of before.values()) this.#attributes.release(attributes);
    }
    for (const [source, { entries: list, ids }] of withdraw) {
      this.#packer.withdraw(list, ids);
      this.#toAllBut(source, this.#packer.take(), send);
    }
    for (const bucket of announce.values()) {
      this.#packer.announce(bucket.attributes, bucket.entries, bucket.ids);
      this.#toAllBut(bucket.source, this.#packer.take(), send);
    }
    this.#exporter.forget();
  }

  drain(slot: number, limit: number, send: SendBytes): boolean {
    const member = this.#members.get(slot);
    if (member === undefined) return true;
    const announce = new Map<number, Bucket>();
    const withdraw: Bucket = { entries: [], ids: [] };
    const taken: number[] = [];
    member.take(limit, (key, hadIt) => {
      taken.push(key);
      const entry = entryOf(key);
      const path = key % PATHS;
      const sent = this.#sent.get(entry)?.get(path);
      if (sent !== undefined && sent.source !== slot) put(announce, sent.attributes, entry, path);
      else if (hadIt) {
        withdraw.entries.push(entry);
        withdraw.ids.push(path);
      }
    });
    if (withdraw.entries.length > 0) this.#packer.withdraw(withdraw.entries, withdraw.ids);
    for (const [attributes, { entries, ids }] of announce) this.#packer.announce(attributes, entries, ids);
    const next = member.caughtUp(this.#packer);
    const bytes = this.#packer.take();
    if (bytes.length > 0) send(slot, bytes);
    for (const key of taken) this.#rib.unpin(entryOf(key));
    if (next.refresh === 'no') return next.done;
    this.refresh(slot, next.refresh === 'bracketed' ? send : undefined);
    return false;
  }

  #addMember(slot: number): GroupMember {
    const queue = new MapQueue();
    const member = new GroupMember(slot, this.#rib, queue, entryOf);
    this.#queues.set(slot, queue);
    this.#members.set(slot, member);
    return member;
  }

  #queueAll(member: GroupMember, hadIt: boolean): void {
    for (const entry of this.#sent.keys()) {
      for (const { path } of this.advertisedPaths(member.slot, entry))
        member.queue(entry * PATHS + path, hadIt);
    }
  }

  #withdrawOne(slot: number, entry: number, path: number, send: SendBytes): void {
    if (!this.#members.get(slot)?.inStep) return;
    this.#packer.withdraw([entry], [path]);
    send(slot, this.#packer.take());
  }

  #toAllBut(slot: number, bytes: Uint8Array, send: SendBytes): void {
    for (const member of this.#members.values()) {
      if (member.slot !== slot && member.inStep) send(member.slot, bytes);
    }
  }

  /** Computes what a prefix should be sent with; the caller releases the attribute sets of `before`. */
  #record(entry: number): {
    readonly before: ReadonlyMap<number, Sent>;
    readonly now: ReadonlyMap<number, Sent>;
  } {
    const before = this.#sent.get(entry) ?? NOTHING;
    const now = new Map<number, Sent>();
    for (const path of this.#rib.competing(entry)) {
      const attributes = this.#exporter.export(entry, path);
      if (typeof attributes === 'string') continue;
      this.#attributes.retain(attributes);
      now.set(path, { attributes, source: this.#rib.paths.slot[path] as number });
    }
    for (const { source } of before.values()) this.#tally(source, -1);
    for (const { source } of now.values()) this.#tally(source, 1);
    if (now.size > 0) this.#sent.set(entry, now);
    else this.#sent.delete(entry);
    return { before, now };
  }

  #tally(source: number, by: number): void {
    this.#count += by;
    this.#countOf.add(source, by);
  }
}

function entryOf(key: number): number {
  return Math.floor(key / PATHS);
}

function put<K>(buckets: Map<K, Bucket>, key: K, entry: number, path: number): void {
  const bucket = buckets.get(key) ?? { entries: [], ids: [] };
  buckets.set(key, bucket);
  bucket.entries.push(entry);
  bucket.ids.push(path);
}
