import { ByteWriter, ip4 } from '@muslin/net';
import { type NextHop, writeNextHop } from '../wire/next-hop.ts';
import { familyRow, type RouteFamily } from '../wire/route-family.ts';
import { type AttributeTable, DEFAULT_LOCAL_PREF } from './attribute-table.ts';
import { type ExportTreatment, isShared } from './export-rules.ts';
import { editStored, type StoredEdit } from './stored-edit.ts';

/** Room beside the set for what an edit adds. */
const ADDED = 64;
/** A set of so many octets can be edited whatever is in it: no length grows beyond one octet, no message is full of it. */
const SURELY_SHORT = 190;

/**
 * What a treatment does to every stored set that only passes through: our AS in front, our next hop, LOCAL_PREF. It is
 * done while the route is written to a message, so that what is sent needs no second set in the table.
 */
export class PassingEdit {
  /** The result of the last `write`. */
  bytes: Uint8Array = new Uint8Array(1024);
  readonly #treatment: ExportTreatment;
  readonly #attributes: AttributeTable;
  readonly #edit: StoredEdit;
  /** The next hop that routes get, or 0. */
  readonly #hop: number;
  #other: Uint8Array = new Uint8Array(1024);
  /** The last two sets that were compared, and the outcome. */
  #left = 0;
  #right = 0;
  #alike = false;

  constructor(treatment: ExportTreatment, family: RouteFamily, attributes: AttributeTable) {
    this.#treatment = treatment;
    this.#attributes = attributes;
    const { external, nextHop, self } = treatment;
    const { ip } = familyRow(family);
    const replaced = nextHop === 'self' || (nextHop === 'auto' && external);
    const own = self[ip]?.ip;
    this.#hop = replaced && own?.family === 4 ? own.bits : 0;
    this.#edit = {
      prepend: external ? treatment.localAs : 0,
      hop: this.#hop,
      hop6: replaced && ip === 6 && self[6] !== undefined ? hopBytes(self[6]) : undefined,
      localPref: external ? 0 : DEFAULT_LOCAL_PREF,
      originatorId: 0,
      clusterId: 0,
    };
  }

  /** Whether `write` can't fail. */
  suits(id: number): boolean {
    return this.#attributes.length(id) <= SURELY_SHORT;
  }

  /** Writes the changed copy of a set; gives its length, or -1 where a length would need two octets. */
  write(id: number, originatorId = 0, clusterId = 0): number {
    const attributes = this.#attributes;
    const edit = this.#edit;
    edit.originatorId = originatorId;
    edit.clusterId = clusterId;
    edit.hop = this.#staysOnLink(id) ? 0 : this.#hop;
    const size = attributes.length(id);
    if (size + ADDED > this.bytes.length) this.bytes = new Uint8Array(2 * (size + ADDED));
    const start = attributes.start(id);
    return editStored(attributes.arena, start, start + size, edit, this.bytes);
  }

  /** Whether two sets that suit are the same to the peer. */
  alike(a: number, b: number): boolean {
    if (a === this.#left && b === this.#right) return this.#alike;
    const length = this.write(a);
    const first = this.bytes;
    this.bytes = this.#other;
    this.#other = first;
    this.#left = a;
    this.#right = b;
    this.#alike = this.write(b) === length && sameBytes(first, this.bytes, length);
    return this.#alike;
  }

  /** To be called before ids are freed. */
  forget(): void {
    this.#left = 0;
    this.#right = 0;
  }

  #staysOnLink(id: number): boolean {
    // Nearly nobody has any, and a full table asks for each attribute set.
    if (this.#treatment.sharedSubnets === undefined || this.#treatment.nextHop !== 'auto') return false;
    return isShared(this.#treatment, ip4(this.#attributes.hop[id] as number));
  }
}

function hopBytes(hop: NextHop): Uint8Array {
  const writer = new ByteWriter(32);
  writeNextHop(hop, writer);
  return writer.finish();
}

function sameBytes(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
