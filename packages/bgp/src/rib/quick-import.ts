import { parseIp } from '@muslin/net';
import type { AttributeTable } from './attribute-table.ts';
import type { ImportTreatment } from './import-rules.ts';
import { MARK } from './stored-columns.ts';

/**
 * Whether `importRoute` would take a stored set in as it is, told from columns alone. False means “ask `importRoute`”,
 * so only certainty counts. Nearly every route of a full table is such a one.
 */
export function takenAsItIs(table: AttributeTable, id: number, treatment: ImportTreatment): boolean {
  const { external, localAs } = treatment;
  if ((table.marks[id] as number) & MARK.rare) return false;
  if (treatment.policy.rules.length > 0 || treatment.policy.otherwise !== 'accept') return false;
  if (treatment.prependLocalAs || treatment.gracefulShutdown) return false;
  if (external) {
    if (treatment.role !== undefined) return false;
    if (treatment.honourGracefulShutdown && (table.marks[id] as number) & MARK.wellKnown) return false;
    if (treatment.enforceFirstAs && table.neighbourAs[id] !== treatment.remoteAs) return false;
  }
  if (table.clusterLength[id] !== 0 || table.originatorId[id] === treatment.routerId.bits) return false;
  if (table.pathHolds(id, localAs)) return false;
  if (treatment.speakerAs !== undefined && table.pathHolds(id, treatment.speakerAs)) return false;
  return !ownHops(treatment).includes(table.hop[id] as number);
}

const hopsOf = new WeakMap<ImportTreatment, readonly number[]>();

/** Our own IPv4 addresses on a session, as numbers. */
function ownHops(treatment: ImportTreatment): readonly number[] {
  let hops = hopsOf.get(treatment);
  if (hops === undefined) {
    hops = [...treatment.ownAddresses].flatMap(text => {
      const ip = parseIp(text);
      return ip.ok && ip.value.family === 4 ? [ip.value.bits] : [];
    });
    hopsOf.set(treatment, hops);
  }
  return hops;
}
