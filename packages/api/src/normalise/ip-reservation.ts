import type { Prefix } from '@muslin/net';
import { missing, readPrefix } from './address-field.ts';
import type { Read } from './fact.ts';
import { readHeader } from './header.ts';

/** What an IPReservation keeps free: prefixes and single addresses. A part that can't be read reserves nothing; the rest holds. */
export function readIpReservation(object: unknown): Read<readonly Prefix[]> {
  const { report, spec } = readHeader(object, 'Cluster');
  const items = spec.at('reservedCIDRs').items();
  const value = items.flatMap(item => readPrefix(item, { bareHost: true }) ?? missing(item));
  return { value, findings: report.findings };
}
