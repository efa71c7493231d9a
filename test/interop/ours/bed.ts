import { type BfdSession, type Input, type Output, Speaker } from '@muslin/bgp';
import { openRouteSocket } from '@muslin/linux';
import { formatIp, formatPrefix, type Ip4, mustIp, mustPrefix, sameIp } from '@muslin/net';
import { startBfd } from '../../../packages/speaker/src/bfd/start-bfd.ts';
import { Connections } from '../../../packages/speaker/src/connections.ts';
import { TimerBook } from '../../../packages/speaker/src/timer-book.ts';
import { CollisionGate } from './collision-gate.ts';
import { MessageSizes } from './message-sizes.ts';
import { advertiseRouter } from './router-advertiser.ts';
import { seenRoute } from './our-seen-route.ts';
import type { OurPeer, OurPlan, OurRequest } from './speaker-request.ts';

const IP_FIELDS = new Set(['remoteIp', 'source', 'ipv4', 'ipv6', 'clusterId']);

/** A peer's configuration with its addresses read. */
function peerConfig(written: OurPeer) {
  return JSON.parse(JSON.stringify(written), (key, value) =>
    IP_FIELDS.has(key) && typeof value === 'string' ? mustIp(value) : value,
  );
}

/** One speaker of ours on the program's own connections and BFD, without a cluster and without a kernel's table. */
export class Bed {
  readonly #speaker: Speaker;
  readonly #connections: Connections;
  readonly #timers = new TimerBook(id => this.#feed({ kind: 'timer', id }));
  readonly #transports = new Map<string, OurPeer>();
  readonly #fib = new Map<string, string>();
  /** Prefixes to which the last way went away at some time. */
  readonly #lost = new Set<string>();
  readonly #log: string[] = [];
  readonly #sizes = new MessageSizes();
  readonly #gate: CollisionGate | undefined;
  readonly #bfd: ReturnType<typeof startBfd> | undefined;

  constructor(plan: OurPlan) {
    this.#speaker = new Speaker({
      asNumber: plan.asNumber,
      routerId: mustIp(plan.routerId) as Ip4,
      now: performance.now(),
      restarting: plan.restarting ?? false,
      deferralTime: 20,
    });
    const netlink = openRouteSocket();
    if (!netlink.ok) throw new Error(netlink.fault.message);
    this.#connections = new Connections({
      netlink: netlink.value,
      feed: input => this.#arrived(input),
      transportOf: ip => {
        const peer = this.#transports.get(formatIp(ip));
        return peer === undefined ? undefined : peerConfig(peer).transport;
      },
      log: line => this.#log.push(line),
    });
    this.#gate = plan.collide
      ? new CollisionGate({
          feed: input => this.#feed(input),
          dial: output => this.#connections.dial(output),
        })
      : undefined;
    this.#bfd = plan.bfd === undefined ? undefined : this.#startBfd(plan.bfd);
  }

  async start(plan: OurPlan): Promise<void> {
    if (plan.advertise !== undefined) advertiseRouter(plan.advertise);
    this.#setKeys(plan.keys ?? {});
    const listening = this.#connections.listeners.follow({ ips: plan.addresses.map(mustIp), port: 179 });
    // In the same breath: a peer that calls before we know it would be turned away.
    for (const { prefix, ...route } of plan.routes)
      this.#perform(this.#speaker.originate(mustPrefix(prefix), route));
    for (const peer of plan.peers) this.#setPeer(peer);
    await listening;
    const { fault } = this.#connections.listeners;
    if (fault !== undefined) throw new Error(fault);
  }

  async answer(request: OurRequest): Promise<unknown> {
    switch (request.ask) {
      case 'peers':
        return this.#speaker.peers().map(({ capabilities: _, remoteIp, localIp, ...view }) => ({
          ...view,
          largestIn: this.#sizes.largestIn,
          largestOut: this.#sizes.largestOut,
          connection: this.#sizes.lastHeard,
        }));
      case 'received':
        return this.#speaker
          .received(request.peer)
          .filter(route => formatPrefix(route.prefix) === request.prefix)
          .map(seenRoute);
      case 'fib':
        return { routes: Object.fromEntries(this.#fib), lost: [...this.#lost] };
      case 'log':
        return this.#log;
      case 'bfd':
        return (await this.#bfd?.report())?.sessions.map(session => session.state) ?? [];
      case 'setPeer':
        return this.#setPeer(request.config);
      case 'setKeys':
        return this.#setKeys(request.keys);
      case 'withdraw':
        return this.#perform(this.#speaker.withdraw(mustPrefix(request.prefix)));
      case 'refresh':
        return this.#perform(this.#speaker.requestRefresh(request.peer, request.family));
      default:
        return request satisfies never;
    }
  }

  #startBfd(address: string) {
    const peer = mustIp(address);
    const session: BfdSession = { peer, transmitInterval: 100, receiveInterval: 100 };
    const bfd = startBfd({
      onState: ({ state, inWords }) => {
        this.#log.push(`BFD ${state}: ${inWords}`);
        const found = this.#speaker.peers().find(view => sameIp(view.remoteIp, peer));
        if (state === 'down' && found !== undefined)
          this.#feed({ kind: 'peerDown', peer: found.id, message: `BFD: ${inWords}` });
      },
    });
    bfd.setSessions([session]);
    return bfd;
  }

  #setPeer(written: OurPeer): void {
    this.#transports.set(written.remoteIp, written);
    this.#perform(this.#speaker.setPeer(peerConfig(written), performance.now()));
  }

  #setKeys(keys: Readonly<Record<string, string>>): void {
    this.#connections.setKeys(Object.entries(keys).map(([ip, key]) => ({ peer: mustIp(ip), key })));
  }

  #arrived(input: Input): void {
    if (this.#gate === undefined) this.#feed(input);
    else this.#gate.arrived(input);
  }

  #feed(input: Input): void {
    if (input.kind === 'bytes') this.#sizes.received(input.connection, input.bytes);
    if (input.kind === 'accepted' || input.kind === 'connected' || input.kind === 'connectFailed')
      this.#log.push(`${input.connection} ${input.kind}${'message' in input ? `: ${input.message}` : ''}`);
    this.#perform(this.#speaker.handle(input, performance.now()));
  }

  #perform(outputs: readonly Output[]): void {
    const sent = new Set<string>();
    for (const output of outputs) {
      switch (output.kind) {
        case 'dial':
          if (this.#gate === undefined) this.#connections.dial(output);
          else this.#gate.wanted(output);
          break;
        case 'send':
          this.#sizes.sent(output.connection, output.bytes);
          this.#connections.send(output.connection, output.bytes);
          sent.add(output.connection);
          break;
        case 'close':
          this.#log.push(`${output.connection} closed by us`);
          this.#connections.close(output.connection);
          break;
        case 'setTimer':
          this.#timers.set(output.id, output.at);
          break;
        case 'clearTimer':
          this.#timers.clear(output.id);
          break;
        case 'bestChanged': {
          const prefix = formatPrefix(output.prefix);
          if (output.source === 'none') this.#lost.add(prefix);
          if (output.source === 'none') this.#fib.delete(prefix);
          else this.#fib.set(prefix, output.nextHops.map(hop => formatIp(hop.ip)).join(' ') || output.source);
          break;
        }
        case 'converged':
          this.#log.push(`converged ${output.family}`);
          break;
        case 'peerChanged':
          this.#log.push(`${output.peer} ${output.state} ${output.reason ?? ''}`.trim());
          break;
        default:
          output satisfies never;
      }
    }
    for (const connection of sent) {
      const bytes = this.#connections.backlog(connection);
      if (bytes !== undefined) this.#feed({ kind: 'backlog', connection, bytes });
    }
  }
}
