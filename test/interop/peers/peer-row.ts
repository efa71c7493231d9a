import type { Place } from '../place.ts';
import type { PeerDaemon, TheirPlan } from './peer-daemon.ts';

export type PeerName = 'BIRD' | 'FRR' | 'GoBGP' | 'OpenBGPD' | 'ExaBGP';

/** A router of another project: a column of the table. */
export interface PeerRow {
  readonly name: PeerName;
  /** Debian package. */
  readonly package: string;
  make(place: Place, plan: TheirPlan): PeerDaemon;
}
