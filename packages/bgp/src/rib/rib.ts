import { type Ip, ip4, ip6, type Ip4, type Prefix, prefix as makePrefix } from '@muslin/net';
import type { PathAttributes } from '../wire/attributes.ts';
import { WELL_KNOWN_COMMUNITIES } from '../wire/community.ts';
import { emptyNlri, type NlriBlock, NlriWalk } from '../wire/nlri.ts';
import type { PlainUpdate } from '../wire/plain-update.ts';
import {
  ALL_FAMILIES,
  type PerFamily,
  perFamily,
  type RouteFamily,
  unicastOf,
} from '../wire/route-family.ts';
import { isWithdraw, type UpdateMessage } from '../wire/update.ts';
import { AddPathGroup } from './add-path-group.ts';
import { AttributeTable } from './attribute-table.ts';
import { type ExportTreatment, treatmentKey } from './export-rules.ts';
import { FamilyRib } from './family-rib.ts';
import { type ImportTreatment, importRoute } from './import-rules.ts';
import { EXCLUSIONS, STALE } from './path-table.ts';
import { MARK } from './stored-columns.ts';
import type { OutGroup, SendBytes } from './out-group.ts';
import { PeerTable } from './peer-table.ts';
import type { RibPeer } from './rib-peer.ts';
import { QuickImport } from './quick-import.ts';
import { UpdateGroup } from './update-group.ts';

const NOT_UNICAST = EXCLUSIONS.indexOf('not-unicast');

/** Whether a prefix lies in 224.0.0.0/4 or ff00::/8: to be ignored where routes are unicast (RFC 4271 §6.3). */
function isMulticast(word0: number, length: number, words: number): boolean {
  return words === 1 ? length >= 4 && word0 >>> 28 === 14 : length >= 8 && word0 >>> 24 === 0xff;
}

/** A prefix whose best path, or set of equally good paths, changed. `paths` is best first, empty when none is left. */
export interface BestPaths {
  readonly family: RouteFamily;
  readonly entry: number;
  readonly paths: readonly number[];
}

/** All routing tables of a speaker. Nothing leaves before `flush`. */
export class Rib {
  readonly attributes: AttributeTable = new AttributeTable();
  readonly peers: PeerTable;
  readonly families: PerFamily<FamilyRib>;
  readonly #quick = new QuickImport(this.attributes);
  readonly #walk = new NlriWalk(emptyNlri('ipv4-unicast'));
  readonly #groups: PerFamily<Map<string, OutGroup>> = perFamily(() => new Map());
  readonly #groupOf: PerFamily<Map<number, OutGroup>> = perFamily(() => new Map());

  /** `maxPaths`: how many equally good paths may share the traffic of a prefix. */
  constructor(routerId: Ip4, maxPaths = 16) {
    this.peers = new PeerTable(routerId);
    this.families = perFamily(family => new FamilyRib(family, this.attributes, this.peers, maxPaths));
  }

  /** Adds or replaces a route of the speaker's own. */
  originate(prefix: Prefix, attributes: PathAttributes): void {
    const rib = this.families[unicastOf(prefix.ip.family)];
    const id = this.attributes.intern(attributes);
    rib.announce(this.#entry(rib, prefix), 0, 0, id, id, 0);
  }

  /** Removes a route of the speaker's own. */
  withdrawOwn(prefix: Prefix): void {
    const rib = this.families[unicastOf(prefix.ip.family)];
    const entry = this.find(prefix);
    if (entry !== 0) rib.withdraw(entry, 0, 0);
  }

  /** The number of a prefix in its family's table, or 0. */
  find(prefix: Prefix): number {
    const rib = this.families[unicastOf(prefix.ip.family)];
    const [w0, w1 = 0, w2 = 0, w3 = 0] = prefix.ip.family === 4 ? [prefix.ip.bits] : prefix.ip.words;
    return rib.prefixes.find(w0, w1, w2, w3, prefix.length);
  }

  /** Takes an UPDATE in. A prefix that is withdrawn and announced at once counts as announced (RFC 4271 §4.3). */
  receive(slot: number, update: UpdateMessage, treatment: ImportTreatment): void {
    this.#withdraw(slot, update.withdrawn);
    if (update.mpUnreach !== undefined) this.#withdraw(slot, update.mpUnreach);
    const { mpReach, announced, attributes } = update;
    if (isWithdraw(update)) {
      this.#withdraw(slot, announced);
      if (mpReach !== undefined) this.#withdraw(slot, mpReach.nlri);
      return;
    }
    if (announced.bytes.length > 0) this.#announce(slot, announced, attributes, treatment);
    if (mpReach?.nextHop !== undefined) {
      this.#announce(slot, mpReach.nlri, { ...attributes, nextHop: mpReach.nextHop }, treatment);
    }
  }

  /** Takes in an UPDATE that needs no thought; the same as `receive` of what it says. */
  receivePlain(slot: number, update: PlainUpdate, treatment: ImportTreatment): void {
    const rib = this.families[update.family];
    const { bytes, addPath } = update;
    const walk = this.#walk;
    if (update.withdrawnEnd > update.withdrawnStart) {
      walk.begin(bytes, update.withdrawnStart, update.withdrawnEnd, addPath);
      this.#withdrawAll(slot, rib, walk);
    }
    if (update.routesEnd === update.routesStart) return;
    const { attributeBytes, attributesStart, attributesEnd } = update;
    const received = this.attributes.internStored(attributeBytes, attributesStart, attributesEnd);
    walk.begin(bytes, update.routesStart, update.routesEnd, addPath);
    this.#announceAll(slot, rib, walk, received, treatment);
  }

  /** Judges all routes of a peer again, because its import treatment changed. */
  reimport(slot: number, treatment: ImportTreatment): void {
    for (const family of ALL_FAMILIES) {
      const rib = this.families[family];
      const { paths } = rib;
      for (let path = 1; path < paths.end; path++) {
        if (!paths.has(path) || paths.slot[path] !== slot) continue;
        const entry = paths.prefix[path] as number;
        if (paths.exclusion[path] === NOT_UNICAST) continue;
        const received = paths.received[path] as number;
        const stale = paths.stale[path] as number;
        const [judged, exclusion] = this.#import(received, treatment, rib.prefixes.prefix(entry));
        const accepted = stale === STALE.longLived ? this.#asLastResort(judged) : judged;
        rib.announce(entry, slot, paths.pathId[path] as number, received, accepted, exclusion);
        paths.stale[path] = stale;
      }
    }
  }

  /** Stale routes of a peer become a last resort; those that must not be are removed (RFC 9494 §4.3). Gives how many are left. */
  markLongLived(family: RouteFamily, slot: number): number {
    const rib = this.families[family];
    const { paths } = rib;
    let left = 0;
    for (let path = 1; path < paths.end; path++) {
      if (!paths.has(path) || paths.slot[path] !== slot || paths.stale[path] === 0) continue;
      const received = paths.received[path] as number;
      const entry = paths.prefix[path] as number;
      const pathId = paths.pathId[path] as number;
      if (this.attributes.value(received).communities?.includes(WELL_KNOWN_COMMUNITIES['no-llgr'])) {
        rib.withdraw(entry, slot, pathId);
        continue;
      }
      const accepted = this.#asLastResort(paths.accepted[path] as number);
      rib.announce(entry, slot, pathId, received, accepted, paths.exclusion[path] as number);
      paths.stale[path] = STALE.longLived;
      left++;
    }
    return left;
  }

  #asLastResort(accepted: number): number {
    if (accepted === 0 || ((this.attributes.marks[accepted] as number) & MARK.lastResort) !== 0)
      return accepted;
    const value = this.attributes.value(accepted);
    const communities = [...(value.communities ?? []), WELL_KNOWN_COMMUNITIES['llgr-stale']];
    return this.attributes.intern({ ...value, communities });
  }

  /** Says who is in a slot. When that changes how its routes count, all are decided and sent anew. */
  setSource(peer: RibPeer): void {
    if (!this.peers.set(peer)) return;
    for (const family of ALL_FAMILIES) this.families[family].touchAll();
  }

  /** Tells what it costs to reach a next hop; Infinity: it can't be reached (RFC 4271 §9.1.2.1). */
  setNextHopCost(ip: Ip, cost: number): void {
    this.attributes.setCost(ip, cost);
    for (const family of ALL_FAMILIES) this.families[family].touchAll();
  }

  /** Starts, or changes, what a peer is sent for a family. */
  join(family: RouteFamily, slot: number, treatment: ExportTreatment): void {
    const key = treatmentKey(treatment);
    const groups = this.#groups[family];
    const before = this.#groupOf[family].get(slot);
    let group = groups.get(key);
    if (group !== undefined && group === before) return;
    if (group === undefined) {
      const Group = treatment.wire.addPath[family] ? AddPathGroup : UpdateGroup;
      group = new Group(treatment, this.families[family], this.attributes, this.peers);
      groups.set(key, group);
    }
    if (before === undefined) group.join(slot);
    else {
      group.takeOver(slot, before);
      this.#disposeIfEmpty(family, before);
    }
    this.#groupOf[family].set(slot, group);
  }

  /** Stops sending a family to a peer. */
  leave(family: RouteFamily, slot: number): void {
    const group = this.#groupOf[family].get(slot);
    if (group === undefined) return;
    group.leave(slot);
    this.#groupOf[family].delete(slot);
    this.#disposeIfEmpty(family, group);
  }

  /** The update group of a peer. */
  group(family: RouteFamily, slot: number): OutGroup | undefined {
    return this.#groupOf[family].get(slot);
  }

  /** Decides what changed, tells about new bests, and sends what follows to the peers that keep up. */
  flush(families: readonly RouteFamily[], send: SendBytes, changed: (best: BestPaths) => void): void {
    for (const family of families) {
      const rib = this.families[family];
      if (!rib.isDirty) continue;
      const settled = rib.settle((entry, paths) => changed({ family, entry, paths }));
      for (const group of this.#groups[family].values()) group.update(settled, send);
      rib.release(settled);
    }
  }

  /** Frees what nobody refers to any more; ids of attribute sets that were not retained become invalid. */
  sweep(): void {
    this.attributes.sweep();
  }

  #entry(rib: FamilyRib, prefix: Prefix): number {
    const [w0, w1 = 0, w2 = 0, w3 = 0] = prefix.ip.family === 4 ? [prefix.ip.bits] : prefix.ip.words;
    return rib.entry(w0, w1, w2, w3, prefix.length);
  }

  #withdraw(slot: number, block: NlriBlock): void {
    this.#withdrawAll(slot, this.families[block.family], new NlriWalk(block));
  }

  #withdrawAll(slot: number, rib: FamilyRib, walk: NlriWalk): void {
    while (walk.next()) {
      const entry = rib.prefixes.find(walk.word0, walk.word1, walk.word2, walk.word3, walk.length);
      if (entry !== 0) rib.withdraw(entry, slot, walk.pathId);
    }
  }

  #announce(slot: number, block: NlriBlock, attributes: PathAttributes, treatment: ImportTreatment): void {
    const rib = this.families[block.family];
    this.#announceAll(slot, rib, new NlriWalk(block), this.attributes.intern(attributes), treatment);
  }

  #announceAll(
    slot: number,
    rib: FamilyRib,
    walk: NlriWalk,
    received: number,
    treatment: ImportTreatment,
  ): void {
    const { words } = rib.prefixes;
    const quick = this.#quick;
    quick.follow(treatment);
    const perPrefix = quick.dependsOnPrefix;
    const most = treatment.mostReceived?.[rib.family] ?? Number.POSITIVE_INFINITY;
    let accepted = received;
    let exclusion = 0;
    let judged = !perPrefix && quick.takes(received);
    while (walk.next()) {
      const { word0, word1, word2, word3, length } = walk;
      if (perPrefix || !judged) {
        const ip = words === 1 ? ip4(word0) : ip6(word0, word1, word2, word3);
        [accepted, exclusion] = this.#import(received, treatment, makePrefix(ip, length));
        judged = true;
      }
      if (rib.receivedCount(slot) >= most && !this.#holds(rib, walk, slot)) continue;
      const entry = rib.entry(word0, word1, word2, word3, length);
      if (isMulticast(word0, length, words)) {
        rib.announce(entry, slot, walk.pathId, received, 0, NOT_UNICAST);
      } else rib.announce(entry, slot, walk.pathId, received, accepted, exclusion);
    }
  }

  #holds(rib: FamilyRib, walk: NlriWalk, slot: number): boolean {
    const entry = rib.prefixes.find(walk.word0, walk.word1, walk.word2, walk.word3, walk.length);
    return entry !== 0 && rib.find(entry, slot, walk.pathId) !== 0;
  }

  #import(received: number, treatment: ImportTreatment, prefix: Prefix): readonly [number, number] {
    const value = this.attributes.value(received);
    const result = importRoute(treatment, value, prefix);
    if (result.exclusion !== undefined) return [0, EXCLUSIONS.indexOf(result.exclusion)];
    return [result.attributes === value ? received : this.attributes.intern(result.attributes), 0];
  }

  #disposeIfEmpty(family: RouteFamily, group: OutGroup): void {
    if (group.size > 0) return;
    group.dispose();
    this.#groups[family].delete(treatmentKey(group.treatment));
  }
}
