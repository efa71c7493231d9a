import { ipToBytes, parseIp } from '@muslin/net';
import type { AttributeTable } from './attribute-table.ts';
import { importDependsOnPrefix, type ImportTreatment } from './import-rules.ts';
import { MARK, storedHopAt } from './stored-columns.ts';

/**
 * Whether `importRoute` would take a stored set in as it is, told from columns alone. Nearly every route of a full table
 * is such a one. What follows from the treatment is worked out once, when it is another than the last.
 */
export class QuickImport {
  /** Whether routes with the same attributes may fare differently. */
  dependsOnPrefix = false;
  readonly #table: AttributeTable;
  #treatment: ImportTreatment | undefined;
  /** The treatment changes and refuses nothing by itself. */
  #plain = false;
  /** Our own IPv4 addresses on the session, as numbers. */
  #ownHops: readonly number[] = [];
  /** The IPv6 ones as octets. */
  #ownHops6: readonly Uint8Array[] = [];

  constructor(table: AttributeTable) {
    this.#table = table;
  }

  /** Says whose routes are next. */
  follow(treatment: ImportTreatment): void {
    if (treatment === this.#treatment) return;
    this.#treatment = treatment;
    const { policy, external, role } = treatment;
    this.dependsOnPrefix = importDependsOnPrefix(treatment);
    this.#plain =
      policy.rules.length === 0 &&
      policy.otherwise === 'accept' &&
      !treatment.prependLocalAs &&
      !treatment.gracefulShutdown &&
      !(external && role !== undefined);
    const own = [...treatment.ownAddresses].flatMap(text => {
      const ip = parseIp(text);
      return ip.ok ? [ip.value] : [];
    });
    this.#ownHops = own.flatMap(ip => (ip.family === 4 ? [ip.bits] : []));
    this.#ownHops6 = own.flatMap(ip => (ip.family === 6 ? [ipToBytes(ip)] : []));
  }

  /** False means “ask `importRoute`”, so only certainty counts. */
  takes(id: number): boolean {
    const treatment = this.#treatment;
    const table = this.#table;
    if (treatment === undefined || !this.#plain) return false;
    const marks = table.marks[id] as number;
    if (marks & MARK.rare) return false;
    if (treatment.external) {
      if (treatment.honourGracefulShutdown && marks & MARK.wellKnown) return false;
      if (treatment.enforceFirstAs && table.neighbourAs[id] !== treatment.remoteAs) return false;
    }
    if (table.clusterLength[id] !== 0 || table.originatorId[id] === treatment.routerId.bits) return false;
    if (table.pathHolds(id, treatment.localAs)) return false;
    if (treatment.speakerAs !== undefined && table.pathHolds(id, treatment.speakerAs)) return false;
    if (marks & MARK.hop6) return this.#foreign(id);
    const hop = table.hop[id] as number;
    for (const own of this.#ownHops) if (own === hop) return false;
    return true;
  }

  /** Whether an IPv6 next hop is not ours. */
  #foreign(id: number): boolean {
    const { arena } = this.#table;
    const start = this.#table.start(id);
    const at = storedHopAt(arena, start, start + this.#table.length(id));
    if (at < 0) return false;
    for (const own of this.#ownHops6) {
      let same = 0;
      while (same < own.length && own[same] === arena[at + same]) same++;
      if (same === own.length) return false;
    }
    return true;
  }
}
