import { SO, SOL } from '../sockets.ts';
import { systemCalls } from '../syscalls.ts';

const TCP_INFO = 11;
/** Offsets in struct tcp_info (uapi/linux/tcp.h): u8 tcpi_retransmits; u32 tcpi_lost, tcpi_retrans, tcpi_total_retrans. */
const INFO = { timeouts: 2, lost: 32, retransmitted: 36, tries: 100, bytes: 104 } as const;
/** SK_MEMINFO_DROPS of SO_MEMINFO (uapi/linux/sock_diag.h), an array of u32. */
const DROPS = 8;
const MEMINFO_BYTES = 36;

/** What this machine did with the segments of one TCP socket. */
export interface TcpLosses {
  /** Segments that came for it and were dropped: a TTL below the least, a wrong or missing signature. */
  readonly dropped: number;
  /**
   * What has to be sent again is kept from leaving, at each try: the machine's own firewall says no. A segment that left
   * and was lost on the way counts as retransmitted. One that still waits in a queue (for the address of a neighbour)
   * isn't tried again.
   */
  readonly stopped: boolean;
}

/** Reads what became of a socket's segments; undefined when it is closed. */
export function tcpLosses(fd: number): TcpLosses | undefined {
  const calls = systemCalls();
  const info = calls.getSocketOption(fd, SOL.tcp, TCP_INFO, INFO.bytes);
  const memory = calls.getSocketOption(fd, SOL.socket, SO.memoryInfo, MEMINFO_BYTES);
  if (typeof info === 'number' || typeof memory === 'number') return undefined;
  const u32 = (bytes: Uint8Array, at: number) =>
    at + 4 > bytes.length ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
  const timeouts = info[INFO.timeouts] ?? 0;
  const lost = u32(info, INFO.lost) > 0 && u32(info, INFO.retransmitted) === 0;
  return {
    dropped: u32(memory, 4 * DROPS),
    stopped: timeouts > 0 && u32(info, INFO.tries) >= timeouts && lost,
  };
}
