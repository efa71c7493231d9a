import { type AsPath, showAsPath, showCommunity } from '@muslin/bgp';
import { listAt, numberAt, textAt, valueAt } from '../files/json.ts';
import type { Column } from '../output/table.ts';

/** A route as a speaker's socket tells it, ready to be shown. */
export interface RouteRow {
  readonly prefix: string;
  readonly nextHop: string | undefined;
  readonly peer: string;
  /** own, ebgp or ibgp. */
  readonly source: string;
  readonly localPref: number | undefined;
  readonly med: number | undefined;
  readonly asPath: string;
  readonly origin: string | undefined;
  readonly communities: string;
  readonly best: boolean;
  readonly stale: boolean;
}

/** Reads one route of `/v1/routes` and its like. */
export function routeRow(route: unknown): RouteRow {
  const at = valueAt(route, 'attributes');
  const source = textAt(route, 'source') ?? '?';
  return {
    prefix: textAt(route, 'prefix') ?? '?',
    nextHop: textAt(at, 'nextHop', 'ip'),
    peer: textAt(route, 'peer') ?? '',
    source,
    localPref: numberAt(at, 'localPref'),
    med: numberAt(at, 'med'),
    asPath: showAsPath(listAt(at, 'asPath') as AsPath),
    origin: textAt(at, 'origin'),
    communities: [
      ...listAt(at, 'communities').map(community => showCommunity(Number(community))),
      ...listAt(at, 'largeCommunities').map(large => listAt(large).join(':')),
    ].join(' '),
    best: valueAt(route, 'best') === true,
    stale: valueAt(route, 'stale') === true,
  };
}

/** Columns of a list of routes; `whose` heads the column of peers. */
export function routeColumns(whose: string): readonly Column<RouteRow>[] {
  return [
    { head: 'PREFIX', cell: row => row.prefix },
    { head: 'NEXT HOP', cell: row => row.nextHop ?? '-' },
    { head: whose, cell: row => (row.source === 'own' ? 'this node' : row.peer) },
    { head: 'SOURCE', cell: row => row.source },
    { head: 'LOCAL-PREF', cell: row => row.localPref ?? '-' },
    { head: 'MED', cell: row => row.med ?? '-', wide: true },
    { head: 'AS PATH', cell: row => row.asPath || '-' },
    { head: 'ORIGIN', cell: row => row.origin ?? '-', wide: true },
    { head: 'COMMUNITIES', cell: row => row.communities || '-', wide: true },
    {
      head: 'NOTE',
      cell: row => [row.stale ? 'stale' : '', row.best ? 'best' : ''].filter(Boolean).join(',') || '-',
    },
  ];
}
