import { connect, type Socket } from 'node:net';
import { encodeMessage, KEEPALIVE, PLAIN_OPTIONS } from '@muslin/bgp';
import { formatIp, type Ip4 } from '@muslin/net';

/** Longest that anybody waits for, in octets. */
const LONGEST = 8;
/** The end of an End-of-RIB of IPv4 routes (RFC 4724 §2). */
const END_OF_RIB = Buffer.of(0, 23, 2, 0, 0, 0, 0);

/** Who a made-up peer is, and where the speaker that it calls listens. */
export interface RehearsalPeerPlan {
  readonly ip: Ip4;
  readonly asNumber: number;
  readonly target: Ip4;
  readonly port: number;
}

/** A made-up peer on a socket of its own: opens a session, says what it is told to, and notices what it waits for. */
export class RehearsalPeer {
  readonly #plan: RehearsalPeerPlan;
  readonly #socket: Socket;
  /** The last octets before those that come next. */
  #tail: Buffer = Buffer.alloc(0);
  #awaited: Buffer | undefined;
  #heard: () => void = () => {};

  constructor(plan: RehearsalPeerPlan) {
    this.#plan = plan;
    const { ip, target, port } = plan;
    this.#socket = connect({ host: formatIp(target), port, localAddress: formatIp(ip), noDelay: true });
    this.#socket.on('data', (bytes: Buffer) => this.#read(bytes));
    // Whoever awaits something waits no longer than the whole rehearsal may take.
    this.#socket.on('error', () => {});
  }

  /** Resolves when the session is up and all routes were told. */
  open(): Promise<void> {
    const { ip, asNumber } = this.#plan;
    const capabilities = [
      { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
      { kind: 'fourOctetAs', value: asNumber },
    ] as const;
    const rest = { version: 4, asNumber, holdTime: 180, identifier: ip, capabilities };
    this.#socket.write(encodeMessage({ kind: 'open', ...rest }, PLAIN_OPTIONS));
    this.#socket.write(encodeMessage(KEEPALIVE, PLAIN_OPTIONS));
    return this.hears(END_OF_RIB);
  }

  /** Resolves when it hears these octets, eight at most. */
  hears(octets: Buffer): Promise<void> {
    this.#awaited = octets;
    return new Promise(resolve => {
      this.#heard = resolve;
    });
  }

  say(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    const awaited = this.#awaited;
    const heard = awaited !== undefined && Buffer.concat([this.#tail, bytes]).includes(awaited);
    this.#tail = bytes.subarray(-LONGEST);
    if (!heard) return;
    this.#awaited = undefined;
    this.#heard();
  }
}
