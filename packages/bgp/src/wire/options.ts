import { type PerFamily, perFamily } from './route-family.ts';

/** What both sides agreed on for one direction of a session; decides how bytes are read or written. */
export interface WireOptions {
  /** AS numbers in AS_PATH and AGGREGATOR take four octets (RFC 6793). */
  readonly fourOctetAs: boolean;
  /** NLRI carries a path identifier (RFC 7911 §3). */
  readonly addPath: PerFamily<boolean>;
  /** Families that may be sent in this direction. */
  readonly families: PerFamily<boolean>;
  /** Largest message: 4096, or 65535 (RFC 8654). */
  readonly maxLength: number;
  /** IPv4 routes may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop: boolean;
  /** The peer is in another AS: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST from it are discarded (RFC 7606 §7). */
  readonly external: boolean;
}

/** Largest message without RFC 8654. */
export const MAX_MESSAGE = 4096;
/** Largest message with RFC 8654. */
export const MAX_EXTENDED_MESSAGE = 65535;

/** The options before OPEN messages were exchanged; also handy for tools that read single messages. */
export const PLAIN_OPTIONS: WireOptions = {
  fourOctetAs: true,
  addPath: perFamily(() => false),
  families: perFamily(() => true),
  maxLength: MAX_MESSAGE,
  extendedNextHop: false,
  external: false,
};
