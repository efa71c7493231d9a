import { familyRow } from '../wire/route-family.ts';
import type { AttributeTable } from './attribute-table.ts';
import {
  type ExportTreatment,
  exportDependsOnPrefix,
  exportRoute,
  notReflected,
  type Withheld,
} from './export-rules.ts';
import type { FamilyRib } from './family-rib.ts';
import type { PassingEdit } from './passing-edit.ts';
import type { PeerTable } from './peer-table.ts';
import { MARK } from './stored-columns.ts';
import { isEditable } from './stored-edit.ts';
import type { UpdatePacker } from './update-packer.ts';

/**
 * What a route is sent with: the id of an attribute set, or minus the id of one that the group's `PassingEdit` is applied
 * to while it is written. 0: it isn't sent.
 */
export type Planned = number;

/**
 * What the peers of one treatment get for a path. Equal to `exportRoute` for every path (property test); where that only
 * edits a few octets of the stored set, no value is made of it (`bench/relay.ts`).
 */
export class Exporter {
  readonly #treatment: ExportTreatment;
  readonly #rib: FamilyRib;
  readonly #attributes: AttributeTable;
  readonly #peers: PeerTable;
  readonly #packer: UpdatePacker;
  /** The outcome depends on attributes and source alone. */
  readonly #cacheable: boolean;
  /** Nothing but edits, whatever the route. */
  readonly #edits: boolean;
  readonly #edit: PassingEdit;
  /** The mark of sets with a next hop of the routes' own family. */
  readonly #hopMark: number;
  /** The peer reads sets as they are stored. */
  readonly #asStored: boolean;
  readonly #cache = new Map<number, number | Withheld>();
  #lastKey = -1;
  #last: number | Withheld = 0;

  constructor(
    treatment: ExportTreatment,
    rib: FamilyRib,
    attributes: AttributeTable,
    peers: PeerTable,
    packer: UpdatePacker,
    edit: PassingEdit,
  ) {
    this.#treatment = treatment;
    this.#rib = rib;
    this.#attributes = attributes;
    this.#peers = peers;
    this.#packer = packer;
    this.#edit = edit;
    this.#asStored = treatment.wire.fourOctetAs;
    this.#cacheable = !exportDependsOnPrefix(treatment);
    const { policy, external, nextHop, self } = treatment;
    const { ip: family } = familyRow(rib.family);
    const own = self[family]?.ip;
    const replaced = nextHop === 'self' || (nextHop === 'auto' && external);
    this.#hopMark = family === 6 ? MARK.hop6 : 0;
    this.#edits =
      !(family === 6 && treatment.sharedSubnets?.length) &&
      policy.rules.length === 0 &&
      policy.otherwise === 'accept' &&
      treatment.role === undefined &&
      !treatment.gracefulShutdown &&
      treatment.behindAs === undefined &&
      (!replaced || own?.family === family);
  }

  /** How the peers are to be sent a path, or why they are not. */
  plan(entry: number, path: number): Planned | Withheld {
    const accepted = this.#rib.paths.accepted[path] as number;
    const slot = this.#rib.paths.slot[path] as number;
    if (!this.#asStored || !this.#quick(accepted, slot) || !this.#edit.suits(accepted))
      return this.export(entry, path);
    // A reflected route depends on who told it.
    if (!this.#treatment.external && this.#peers.get(slot).kind === 'ibgp') return this.export(entry, path);
    return -accepted;
  }

  /** Whether two plans are the same to the peers. */
  alike(a: Planned, b: Planned): boolean {
    if (a === b) return true;
    if (a === 0 || b === 0) return false;
    return a < 0 && b < 0 ? this.#edit.alike(-a, -b) : this.interned(a) === this.interned(b);
  }

  /** The attribute set of a plan. Nobody holds it: it is valid for this call. */
  interned(plan: Planned): number {
    if (plan >= 0) return plan;
    const length = this.#edit.write(-plan);
    return this.#attributes.internStored(this.#edit.bytes, 0, length);
  }

  /** The attribute set for a path, or why there is none. */
  export(entry: number, path: number): number | Withheld {
    const accepted = this.#rib.paths.accepted[path] as number;
    const slot = this.#rib.paths.slot[path] as number;
    const key = accepted * 65536 + slot;
    if (key === this.#lastKey) return this.#last;
    const result = this.#quick(accepted, slot) ? this.#edited(accepted, slot) : -1;
    if (result !== -1) return this.#keep(key, result);
    const cached = this.#cacheable ? this.#cache.get(key) : undefined;
    if (cached !== undefined) return this.#keep(key, cached);
    const judged = this.#judged(entry, accepted, slot);
    if (!this.#cacheable) return judged;
    this.#cache.set(key, judged);
    return this.#keep(key, judged);
  }

  /** Forgets what it found: ids that nobody retained are about to become invalid. */
  forget(): void {
    this.#lastKey = -1;
    this.#edit.forget();
    if (this.#cache.size > 0) this.#cache.clear();
  }

  /** Nothing is to be done to the route but an edit. */
  #quick(accepted: number, slot: number): boolean {
    const marks = this.#attributes.marks[accepted] as number;
    if (!this.#edits || slot === 0 || !isEditable(marks) || (marks & MARK.hop6) !== this.#hopMark)
      return false;
    const { external, nextHop } = this.#treatment;
    return external || nextHop !== 'auto' || !this.#peers.get(slot).behindUs;
  }

  #keep(key: number, result: number | Withheld): number | Withheld {
    this.#lastKey = key;
    this.#last = result;
    return result;
  }

  #judged(entry: number, accepted: number, slot: number): number | Withheld {
    const value = this.#attributes.value(accepted);
    const prefix = this.#rib.prefixes.prefix(entry);
    const result = exportRoute(this.#treatment, value, this.#peers.get(slot), prefix);
    if (!result.ok) return result.fault;
    const id = this.#attributes.intern(result.value);
    return this.#packer.fits(id) ? id : 'too-long';
  }

  /** -1: it can't be told without looking at the value. */
  #edited(accepted: number, slot: number): number | Withheld {
    const { external, clusterId } = this.#treatment;
    const source = this.#peers.get(slot);
    let originatorId = 0;
    let reflectedBy = 0;
    if (source.kind === 'ibgp' && !external) {
      const unreflected = notReflected(this.#treatment, source);
      if (unreflected !== undefined) return unreflected;
      originatorId = source.routerId.bits;
      reflectedBy = clusterId.bits;
      // Zero means “leave alone” to an edit.
      if (originatorId === 0 || reflectedBy === 0) return -1;
    }
    const length = this.#edit.write(accepted, originatorId, reflectedBy);
    if (length < 0) return -1;
    const id = this.#attributes.internStored(this.#edit.bytes, 0, length);
    return this.#packer.fits(id) ? id : 'too-long';
  }
}
