interface ErrorRow {
  readonly code: number;
  readonly name: string;
  readonly subcodes: Readonly<Record<number, string>>;
}

/** One row per NOTIFICATION error code: RFC 4271 §4.5, 4486, 5492, 6608, 7313, 8538, 9234, 9384, 9687. */
export const ERROR_CODES = {
  header: {
    code: 1,
    name: 'Message Header Error',
    subcodes: { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' },
  },
  open: {
    code: 2,
    name: 'OPEN Message Error',
    subcodes: {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  },
  update: {
    code: 3,
    name: 'UPDATE Message Error',
    subcodes: {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  },
  holdTimer: { code: 4, name: 'Hold Timer Expired', subcodes: {} },
  fsm: {
    code: 5,
    name: 'Finite State Machine Error',
    subcodes: {
      1: 'Receive Unexpected Message in OpenSent State',
      2: 'Receive Unexpected Message in OpenConfirm State',
      3: 'Receive Unexpected Message in Established State',
    },
  },
  cease: {
    code: 6,
    name: 'Cease',
    subcodes: {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  },
  routeRefresh: {
    code: 7,
    name: 'ROUTE-REFRESH Message Error',
    subcodes: { 1: 'Invalid Message Length' },
  },
  sendHoldTimer: { code: 8, name: 'Send Hold Timer Expired', subcodes: {} },
} as const satisfies Record<string, ErrorRow>;

const rows: readonly ErrorRow[] = Object.values(ERROR_CODES);

/** The error in words, such as `Cease: Administrative Shutdown (6/2)`. */
export function errorText(code: number, subcode: number): string {
  const row = rows.find(r => r.code === code);
  const name = row?.name ?? 'Unknown error';
  const detail = row?.subcodes[subcode];
  return `${name}${detail === undefined ? '' : `: ${detail}`} (${code}/${subcode})`;
}
