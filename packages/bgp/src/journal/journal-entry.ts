import type { Ip4, Prefix } from '@muslin/net';
import type { SpeakerOptions } from '../speaker/speaker-options.ts';
import type { Input } from '../speaker/input.ts';
import type { OwnRoute } from '../speaker/own-route.ts';
import type { PeerConfig, PeerId } from '../speaker/peer-config.ts';
import type { RouteFamily } from '../wire/route-family.ts';

/** One call of a speaker, in the words of `Speaker`. `now` is on the clock of `handle`. */
export type SpeakerCall =
  | { readonly call: 'begin'; readonly options: SpeakerOptions & { readonly routerId: Ip4 } }
  | { readonly call: 'setPeer'; readonly config: PeerConfig; readonly now?: number }
  | { readonly call: 'removePeer'; readonly id: PeerId; readonly reason?: string; readonly now?: number }
  | {
      readonly call: 'shutDown';
      readonly options: { readonly graceful?: boolean; readonly text?: string };
    }
  | { readonly call: 'handle'; readonly input: Input; readonly now: number }
  | { readonly call: 'originate'; readonly prefix: Prefix; readonly route: OwnRoute }
  | { readonly call: 'withdraw'; readonly prefix: Prefix }
  | { readonly call: 'requestRefresh'; readonly id: PeerId; readonly family: RouteFamily };

/** A call and what came of it. */
export interface JournalEntry {
  readonly call: SpeakerCall;
  /** How many outputs the call had. */
  readonly outputs: number;
  /** Check sum of all of them, octets sent included. */
  readonly digest: number;
}
