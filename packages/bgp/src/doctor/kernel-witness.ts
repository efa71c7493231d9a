/**
 * Segments that this machine's TCP dropped lately, from counters of the whole machine (Linux `TcpExt`): they name no
 * peer, so they support a suspicion and prove nothing.
 */
export interface KernelWitness {
  /** Signed by nobody where a signature was expected (`TCPMD5NotFound`). */
  readonly unsigned: number;
  /** Signed where none was expected (`TCPMD5Unexpected`). */
  readonly unexpectedlySigned: number;
  /** Signed with another password (`TCPMD5Failure`). */
  readonly wronglySigned: number;
  /** From farther away than RFC 5082 lets them come (`TCPMinTTLDrop`). */
  readonly tooFar: number;
  /** The same of this very peer's connections: with the counters above it proves. */
  readonly connections?: ConnectionWitness;
}

/** What this machine did lately with the segments of the connections with one peer. */
export interface ConnectionWitness {
  /** Segments of the peer that were dropped. */
  readonly dropped: number;
  /** Segments to the peer are kept from leaving: they are sent again and again, and none gets out. */
  readonly stopped: boolean;
}

/** Nothing was dropped, or nobody looked. */
export const NO_WITNESS: KernelWitness = {
  unsigned: 0,
  unexpectedlySigned: 0,
  wronglySigned: 0,
  tooFar: 0,
};
