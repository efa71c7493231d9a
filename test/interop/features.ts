import type { Cell } from './cell.ts';

/** One row of the matrix: how both sides are set up, and what must then be so. */
export interface Feature {
  readonly name: string;
  readonly as: number;
  readonly remoteAs: number;
  readonly families: readonly ('ipv4' | 'ipv6')[];
  readonly over6?: boolean;
  /** Fields of our peer's configuration. */
  readonly peer?: Readonly<Record<string, unknown>>;
  /** What else must be so once routes have gone both ways. */
  readonly also?: (cell: Cell) => Promise<void>;
}

const V4 = ['ipv4'] as const;
const EBGP = { as: 65001, remoteAs: 65002, families: V4 };

export const FEATURES: readonly Feature[] = [
  { ...EBGP, name: 'eBGP' },
  { ...EBGP, name: 'iBGP', remoteAs: 65001 },
  {
    ...EBGP,
    name: 'iBGP with our side as route reflector (session only, nothing reflected)',
    remoteAs: 65001,
    peer: { routeReflectorClient: true },
  },
  { ...EBGP, name: 'IPv6 only', families: ['ipv6'], over6: true },
  { ...EBGP, name: 'IPv4 and IPv6 in one session', families: ['ipv4', 'ipv6'], over6: true },
  { ...EBGP, name: '4-octet AS', as: 4200000001, remoteAs: 4200000002 },
  {
    ...EBGP,
    name: 'large communities',
    also: cell => cell.until('the peer shows 65000:1:77', () => /65000[:, ]+1[:, ]+77/.test(cell.routes())),
  },
  {
    ...EBGP,
    name: 'our process frozen: the peer ends the session (the reason is not read)',
    also: async cell => {
      cell.freezeOurs();
      await cell.until('the peer ends the session', () => !cell.established());
    },
  },
  {
    ...EBGP,
    name: 'shutdown message (RFC 9003)',
    also: async cell => {
      await cell.ours('shutdown');
      await cell.until('the peer shows our text', () => cell.lastWords().includes('moving rack 7'));
    },
  },
  {
    ...EBGP,
    name: 'our prefix limit ends the session (the reason is not read at the peer)',
    also: async cell => {
      await cell.ours('limit');
      await cell.until('the peer ends the session', () => !cell.established());
    },
  },
];
