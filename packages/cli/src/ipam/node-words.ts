import type { Witnesses } from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';
import { listAt, textAt } from '../files/json.ts';

/** An agent looks again at least every four minutes; an older report says only what was there. */
const FRESH_MS = 5 * 60_000;

/** What nodes say of their own addresses (muslin.dev AddressNodeStatus): one that is old or not complete proves no absence. */
export function nodeWords(
  reports: readonly AnyObject[],
  now: number,
): Required<Pick<Witnesses, 'onHost' | 'partly'>> {
  const told = reports.filter(report => textAt(report, 'status', 'readAt') !== undefined);
  const nameOf = ({ metadata }: AnyObject) => metadata.name ?? '';
  return {
    onHost: new Map(
      told.map(report => [nameOf(report), new Set(listAt(report, 'status', 'addresses').map(String))]),
    ),
    partly: new Set(told.filter(report => !isWhole(report) || !isFresh(report, now)).map(nameOf)),
  };
}

function isWhole(report: AnyObject): boolean {
  const conditions = listAt(report, 'status', 'conditions');
  return conditions.some(each => textAt(each, 'type') === 'Complete' && textAt(each, 'status') === 'True');
}

function isFresh(report: AnyObject, now: number): boolean {
  return Math.abs(now - Date.parse(textAt(report, 'status', 'readAt') ?? '')) < FRESH_MS;
}
