import { Bird } from './bird.ts';
import { ExaBgp } from './exabgp.ts';
import { Frr } from './frr.ts';
import { GoBgp } from './gobgp.ts';
import { OpenBgpd } from './openbgpd.ts';
import type { PeerRow } from './peer-row.ts';

/** The columns of the table. */
export const PEERS: readonly PeerRow[] = [
  { name: 'BIRD', package: 'bird2', make: (place, plan) => new Bird(place, plan) },
  { name: 'FRR', package: 'frr', make: (place, plan) => new Frr(place, plan) },
  { name: 'GoBGP', package: 'gobgpd', make: (place, plan) => new GoBgp(place, plan) },
  { name: 'OpenBGPD', package: 'openbgpd', make: (place, plan) => new OpenBgpd(place, plan) },
  { name: 'ExaBGP', package: 'exabgp', make: (place, plan) => new ExaBgp(place, plan) },
];
