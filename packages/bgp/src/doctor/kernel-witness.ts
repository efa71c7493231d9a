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
}

/** Nothing was dropped, or nobody looked. */
export const NO_WITNESS: KernelWitness = {
  unsigned: 0,
  unexpectedlySigned: 0,
  wronglySigned: 0,
  tooFar: 0,
};
