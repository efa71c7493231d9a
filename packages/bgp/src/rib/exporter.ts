import { ByteWriter, ip4 } from '@muslin/net';
import { type NextHop, writeNextHop } from '../wire/next-hop.ts';
import { familyRow } from '../wire/route-family.ts';
import type { AttributeTable } from './attribute-table.ts';
import { DEFAULT_LOCAL_PREF } from './attribute-table.ts';
import {
  type ExportTreatment,
  exportDependsOnPrefix,
  exportRoute,
  isShared,
  type Withheld,
} from './export-rules.ts';
import type { FamilyRib } from './family-rib.ts';
import type { PeerTable } from './peer-table.ts';
import { MARK } from './stored-columns.ts';
import { editStored, isEditable, type StoredEdit } from './stored-edit.ts';
import type { UpdatePacker } from './update-packer.ts';

/** Room beside the set for what an edit adds. */
const ADDED = 64;

function hopBytes(hop: NextHop): Uint8Array {
  const writer = new ByteWriter(32);
  writeNextHop(hop, writer);
  return writer.finish();
}

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
  readonly #edit: StoredEdit;
  /** The mark of sets with a next hop of the routes' own family. */
  readonly #hopMark: number;
  /** The next hop that routes get, or 0. */
  readonly #hop: number;
  readonly #cache = new Map<number, number | Withheld>();
  #buffer = new Uint8Array(1024);
  #lastKey = -1;
  #last: number | Withheld = 0;

  constructor(
    treatment: ExportTreatment,
    rib: FamilyRib,
    attributes: AttributeTable,
    peers: PeerTable,
    packer: UpdatePacker,
  ) {
    this.#treatment = treatment;
    this.#rib = rib;
    this.#attributes = attributes;
    this.#peers = peers;
    this.#packer = packer;
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
    this.#hop = replaced && own?.family === 4 ? own.bits : 0;
    this.#edit = {
      prepend: external ? treatment.localAs : 0,
      hop: this.#hop,
      hop6: replaced && family === 6 && self[6] !== undefined ? hopBytes(self[6]) : undefined,
      localPref: external ? 0 : DEFAULT_LOCAL_PREF,
      originatorId: 0,
      clusterId: 0,
    };
  }

  /** The attribute set for a path, or why there is none. */
  export(entry: number, path: number): number | Withheld {
    const accepted = this.#rib.paths.accepted[path] as number;
    const slot = this.#rib.paths.slot[path] as number;
    const key = accepted * 65536 + slot;
    if (key === this.#lastKey) return this.#last;
    const marks = this.#attributes.marks[accepted] as number;
    const quick = this.#edits && slot !== 0 && isEditable(marks) && (marks & MARK.hop6) === this.#hopMark;
    const result = quick ? this.#edited(accepted, slot) : -1;
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
    if (this.#cache.size > 0) this.#cache.clear();
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

  #staysOnLink(accepted: number): boolean {
    // Nearly nobody has any, and a full table asks for each attribute set.
    if (this.#treatment.sharedSubnets === undefined || this.#treatment.nextHop !== 'auto') return false;
    return isShared(this.#treatment, ip4(this.#attributes.hop[accepted] as number));
  }

  /** -1: it can't be told without looking at the value. */
  #edited(accepted: number, slot: number): number | Withheld {
    const { external, client, clusterId } = this.#treatment;
    const source = this.#peers.get(slot);
    const edit = this.#edit;
    edit.originatorId = 0;
    edit.clusterId = 0;
    edit.hop = this.#staysOnLink(accepted) ? 0 : this.#hop;
    if (source.kind === 'ibgp' && !external) {
      if (!source.client && !client) return 'internal-to-internal';
      edit.originatorId = source.routerId.bits;
      edit.clusterId = clusterId.bits;
      // Zero means “leave alone” to an edit.
      if (edit.originatorId === 0 || edit.clusterId === 0) return -1;
    }
    const attributes = this.#attributes;
    const size = attributes.length(accepted);
    if (size + ADDED > this.#buffer.length) this.#buffer = new Uint8Array(2 * (size + ADDED));
    const start = attributes.start(accepted);
    const length = editStored(attributes.arena, start, start + size, edit, this.#buffer);
    if (length < 0) return -1;
    const id = attributes.internStored(this.#buffer, 0, length);
    return this.#packer.fits(id) ? id : 'too-long';
  }
}
