import type { Prefix } from '@muslin/net';
import type { DecisionReason } from '../rib/decision.ts';
import type { Exclusion } from '../rib/path-table.ts';
import type { PathAttributes } from '../wire/attributes.ts';
import type { PeerId } from './peer-config.ts';

/** One path to a prefix. */
export interface RouteView {
  readonly prefix: Prefix;
  /** Empty for the speaker's own routes. */
  readonly peer: PeerId;
  readonly source: 'own' | 'ebgp' | 'ibgp';
  readonly pathId: number;
  readonly attributes: PathAttributes;
  readonly best: boolean;
  readonly stale: boolean;
}

/** A path that is not best, and why. */
export interface LostRoute extends RouteView {
  readonly lostBecause: DecisionReason | Exclusion;
  /** The reason as a sentence. */
  readonly words: string;
}

/** Why a prefix is routed as it is. */
export interface Explanation {
  readonly prefix: Prefix;
  readonly winner: RouteView | undefined;
  /** Other paths that carry traffic as well. */
  readonly alsoUsed: readonly RouteView[];
  readonly lost: readonly LostRoute[];
  /** Peers that have, or are about to get, it. */
  readonly told: readonly PeerId[];
  /** Peers that don't get the winner, and why. */
  readonly withheld: readonly { readonly peer: PeerId; readonly because: string }[];
}
