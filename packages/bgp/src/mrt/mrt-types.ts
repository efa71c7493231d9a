import { STATE_NAMES } from '../session/session-state.ts';
import type { RouteFamily } from '../wire/route-family.ts';

/** MRT types (RFC 6396 §4). */
export const MRT_TYPES = { tableDump: 12, tableDumpV2: 13, bgp4mp: 16, bgp4mpEt: 17 } as const;

/** TABLE_DUMP_V2 subtype of the table of peers (RFC 6396 §4.3.1). */
export const PEER_INDEX_TABLE = 1;
/** Its subtype of routes that say their family themselves (RFC 6396 §4.3.3). */
export const RIB_GENERIC = 6;

/** States in the order of their codes, which count from 1 (RFC 6396 §4.4.1). FRR and Quagga write the last two as well. */
export const MRT_STATES = [...STATE_NAMES, 'Clearing', 'Deleted'] as const;
/** A state of a session as a file names it. */
export type MrtState = (typeof MRT_STATES)[number];

/** One TABLE_DUMP_V2 subtype of routes (RFC 6396 §4.3.2, RFC 8050 §4.1). */
interface RibSubtype {
  readonly subtype: number;
  readonly family: RouteFamily;
  readonly addPath: boolean;
}

/** Routes of the families that Muslin carries. */
export const RIB_SUBTYPES: readonly RibSubtype[] = [
  { subtype: 2, family: 'ipv4-unicast', addPath: false },
  { subtype: 4, family: 'ipv6-unicast', addPath: false },
  { subtype: 8, family: 'ipv4-unicast', addPath: true },
  { subtype: 10, family: 'ipv6-unicast', addPath: true },
];

/** One BGP4MP subtype; `local`: we sent it. */
interface SessionSubtype {
  readonly subtype: number;
  readonly what: 'message' | 'state-change';
  readonly fourOctetAs: boolean;
  readonly local: boolean;
  readonly addPath: boolean;
}

const row = (
  subtype: number,
  what: SessionSubtype['what'],
  fourOctetAs: boolean,
  local: boolean,
  addPath: boolean,
): SessionSubtype => ({ subtype, what, fourOctetAs, local, addPath });

/** What happens on sessions (RFC 6396 §4.4, RFC 8050 §3). */
export const SESSION_SUBTYPES: readonly SessionSubtype[] = [
  row(0, 'state-change', false, false, false),
  row(1, 'message', false, false, false),
  row(4, 'message', true, false, false),
  row(5, 'state-change', true, false, false),
  row(6, 'message', false, true, false),
  row(7, 'message', true, true, false),
  row(8, 'message', false, false, true),
  row(9, 'message', true, false, true),
  row(10, 'message', false, true, true),
  row(11, 'message', true, true, true),
];
