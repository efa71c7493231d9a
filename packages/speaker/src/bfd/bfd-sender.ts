import { BFD_PORT, type BfdSession } from '@muslin/bgp';
import { inNamespace, type Namespace, type SystemFault, systemCalls } from '@muslin/linux';
import { mustIp, type Result } from '@muslin/net';
import { AF, LEVEL, OPTION, SO, SOCK, socketAddress } from './datagram.ts';
import { openDatagram } from './open-datagram.ts';

/** Source ports (RFC 5881 §4): one for each session, the same for all its packets. */
const FIRST_PORT = 49_152;
const PORTS = 65_536 - FIRST_PORT;
const PORT_ATTEMPTS = 64;
const TTL = 255;
/** CS6, network control (RFC 4594 §3.2): detection must not lose against the traffic that it watches. */
const TRAFFIC_CLASS = 0xc0;
const DONT_WAIT = 0x40;
const EADDRINUSE = 98;
/** Full queue, a firewall: the socket is sound. */
const PASSING = new Set([-1, -11, -105]);

/** The sending socket of one session. Made when first needed, and made anew when its interface or address went away. */
export class BfdSender {
  readonly #namespace: Namespace | undefined;
  readonly #session: BfdSession;
  readonly #target: Uint8Array;
  readonly #random: () => number;
  #port = 0;
  #fd = -1;

  constructor(namespace: Namespace | undefined, session: BfdSession, random: () => number) {
    this.#namespace = namespace;
    this.#session = session;
    this.#random = random;
    const port = session.multihop === true ? BFD_PORT.multihop : BFD_PORT.singleHop;
    this.#target = socketAddress(session.peer, port);
  }

  /** Sends; the fault of a socket that can't be made. A packet that the network refuses counts as lost. */
  send(bytes: Uint8Array): SystemFault | undefined {
    if (this.#fd < 0) {
      const opened = this.#open();
      if (!opened.ok) return opened.fault;
      this.#fd = opened.value;
    }
    const sent = systemCalls().sendTo(this.#fd, bytes, DONT_WAIT, this.#target);
    if (sent < 0 && !PASSING.has(sent)) this.close();
    return undefined;
  }

  close(): void {
    if (this.#fd >= 0) systemCalls().close(this.#fd);
    this.#fd = -1;
  }

  #open(): Result<number, SystemFault> {
    for (let attempt = 1; ; attempt++) {
      if (this.#port === 0) this.#port = FIRST_PORT + Math.floor(this.#random() * PORTS);
      const opened = inNamespace(this.#namespace, () => this.#bind(this.#port));
      if (opened.ok || opened.fault.errno !== EADDRINUSE || attempt === PORT_ATTEMPTS) return opened;
      this.#port = 0;
    }
  }

  #bind(port: number): Result<number, SystemFault> {
    const calls = systemCalls();
    const { peer, local, interface: link } = this.#session;
    const { level, ttl, trafficClass } = OPTION[peer.family];
    const address = socketAddress(local ?? mustIp(peer.family === 4 ? '0.0.0.0' : '::'), port);
    const name = new TextEncoder().encode(`${link}\0`);
    return openDatagram(AF[peer.family], SOCK.nonBlocking, 'BFD source port', [
      fd => (link === undefined ? 0 : calls.setSocketOption(fd, LEVEL.socket, SO.bindToDevice, name)),
      fd => calls.setSocketOption(fd, level, ttl, TTL),
      fd => calls.setSocketOption(fd, level, trafficClass, TRAFFIC_CLASS),
      fd => calls.bind(fd, address),
    ]);
  }
}
