import { formatIp, type Ip, mustIp } from '@muslin/net';
import { type Due, DueQueue } from './due-queue.ts';
import { type Input, type Output, type PeerConfig, Speaker, type SpeakerOptions } from '../src/index.ts';

interface Wire {
  readonly ends: readonly [{ host: Host; connection: string }, { host: Host; connection: string }];
}

/** One speaker on the virtual network. */
export class Host {
  readonly name: string;
  readonly ip: Ip;
  speaker: Speaker;
  readonly timers: Map<string, number> = new Map();
  readonly log: Output[] = [];
  readonly fib: Map<string, string> = new Map();
  /** Whether this host still takes part; a dead one loses everything without a word. */
  alive = true;

  constructor(name: string, ip: string, options: SpeakerOptions) {
    this.name = name;
    this.ip = mustIp(ip);
    this.speaker = new Speaker(options);
  }
}

interface Event extends Due {
  readonly run: () => void;
}

interface Alarm extends Due {
  readonly host: Host;
  readonly id: string;
}

/** Speakers, connections and a clock that only moves when told: the whole world in one place. */
export class VirtualNet {
  now = 0;
  readonly hosts: Map<string, Host> = new Map();
  /** One-way delay in milliseconds. */
  delay: (from: Host, to: Host) => number = () => 1;
  /** Bytes in one piece; small values test the framer. */
  chunk = 65536;
  readonly #events = new DueQueue<Event>();
  /** May hold alarms that were cleared or moved: the host's own timers tell. */
  readonly #alarms = new DueQueue<Alarm>();
  /** Pairs of hosts between which nothing goes. */
  readonly #severed = new Set<string>();
  /** When the last octets of one direction of a connection arrive: a stream never overtakes itself. */
  readonly #arrivals = new WeakMap<Wire, Map<Host, number>>();
  #order = 0;
  #accepts = 0;
  readonly #wires = new Map<string, Wire>();

  add(name: string, ip: string, options: SpeakerOptions): Host {
    const host = new Host(name, ip, options);
    this.hosts.set(formatIp(host.ip), host);
    return host;
  }

  /** Makes two hosts peers of each other. */
  link(a: Host, b: Host, configA: Partial<PeerConfig> = {}, configB: Partial<PeerConfig> = {}): void {
    this.point(a, b, configA);
    this.point(b, a, configB);
  }

  /** Lets time pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = this.#nextTimer();
      const event = this.#events.peek();
      if (event !== undefined && event.at <= end && (due === undefined || event.at <= due.at)) {
        this.#events.pop();
        this.now = Math.max(this.now, event.at);
        event.run();
      } else if (due !== undefined && due.at <= end) {
        this.now = Math.max(this.now, due.at);
        due.host.timers.delete(due.id);
        this.tell(due.host, { kind: 'timer', id: due.id });
      } else break;
    }
    this.now = end;
  }

  tell(host: Host, input: Input): void {
    if (host.alive) this.perform(host, host.speaker.handle(input, this.now));
  }

  perform(host: Host, outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind !== 'send') host.log.push(output);
      this.#performOne(host, output);
    }
    const sent = new Set(outputs.flatMap(o => (o.kind === 'send' ? [o.connection] : [])));
    for (const connection of sent) {
      this.#later(0, () => this.tell(host, { kind: 'backlog', connection, bytes: 0 }));
    }
  }

  /** Cuts every connection of a host without telling it; the others see a reset. */
  kill(host: Host): void {
    host.alive = false;
    host.timers.clear();
    for (const [key, wire] of [...this.#wires]) {
      if (!key.startsWith(`${host.name} `)) continue;
      const other = wire.ends.find(e => e.host !== host);
      if (other === undefined) continue;
      this.#unplug(wire);
      this.tell(other.host, { kind: 'closed', connection: other.connection });
    }
  }

  /** Breaks the link between two hosts: connections end at once, new ones fail. */
  sever(a: Host, b: Host): void {
    this.#severed.add(pairKey(a, b));
    for (const [key, wire] of [...this.#wires]) {
      const [one, other] = wire.ends;
      const between = (one.host === a && other.host === b) || (one.host === b && other.host === a);
      if (!between || this.#wires.get(key) !== wire) continue;
      this.#unplug(wire);
      for (const end of wire.ends) this.tell(end.host, { kind: 'closed', connection: end.connection });
    }
  }

  /** Mends it. */
  mend(a: Host, b: Host): void {
    this.#severed.delete(pairKey(a, b));
  }

  /** A dead host starts again, with nothing but what the kernel kept. */
  revive(host: Host, options: SpeakerOptions): void {
    host.alive = true;
    // Its old connections mean nothing to it; the other ends still believe in them.
    for (const key of [...this.#wires.keys()]) if (key.startsWith(`${host.name} `)) this.#wires.delete(key);
    host.speaker = new Speaker({ ...options, now: this.now });
  }

  /** Makes one end a peer of the other. */
  point(from: Host, to: Host, config: Partial<PeerConfig> = {}): void {
    const base = { id: to.name, remoteIp: to.ip, remoteAs: 'external' as const };
    this.perform(from, from.speaker.setPeer({ ...base, ...config }, this.now));
  }

  #performOne(host: Host, output: Output): void {
    switch (output.kind) {
      case 'dial':
        this.#dial(host, output.remoteIp, output.connection);
        break;
      case 'send': {
        const wire = this.#wires.get(`${host.name} ${output.connection}`);
        const other = wire?.ends.find(e => e.host !== host || e.connection !== output.connection);
        if (wire === undefined || other === undefined) break;
        for (let at = 0; at < output.bytes.length; at += this.chunk) {
          const bytes = output.bytes.slice(at, at + this.chunk);
          this.#later(this.#travel(wire, host, other.host), () => {
            if (this.#wires.get(`${other.host.name} ${other.connection}`) === wire) {
              this.tell(other.host, { kind: 'bytes', connection: other.connection, bytes });
            }
          });
        }
        break;
      }
      case 'close': {
        const wire = this.#wires.get(`${host.name} ${output.connection}`);
        if (wire === undefined) break;
        this.#wires.delete(`${host.name} ${output.connection}`);
        const other = wire.ends.find(e => e.host !== host);
        if (other === undefined) break;
        this.#later(this.#travel(wire, host, other.host), () => {
          // The other end may have restarted, and use the name for another connection.
          const key = `${other.host.name} ${other.connection}`;
          if (this.#wires.get(key) !== wire) return;
          this.#wires.delete(key);
          this.tell(other.host, { kind: 'closed', connection: other.connection });
        });
        break;
      }
      case 'setTimer':
        host.timers.set(output.id, output.at);
        this.#alarms.push({ at: output.at, order: this.#order++, host, id: output.id });
        break;
      case 'clearTimer':
        host.timers.delete(output.id);
        break;
      case 'bestChanged': {
        const prefix = `${formatIp(output.prefix.ip)}/${output.prefix.length}`;
        const via = output.nextHops.map(hop => formatIp(hop.ip)).join(' ');
        if (output.source === 'none') host.fib.delete(prefix);
        else host.fib.set(prefix, output.source === 'own' ? 'own' : via);
        break;
      }
      case 'peerChanged':
      case 'converged':
        break;
      default:
        output satisfies never;
    }
  }

  #dial(host: Host, remoteIp: Ip, connection: string): void {
    const remote = this.hosts.get(formatIp(remoteIp));
    if (remote === undefined || !remote.alive || this.#severed.has(pairKey(host, remote))) {
      this.#later(10, () =>
        this.tell(host, { kind: 'connectFailed', connection, message: 'no route to host' }),
      );
      return;
    }
    const accepted = `in-${++this.#accepts}`;
    const wire: Wire = {
      ends: [
        { host, connection },
        { host: remote, connection: accepted },
      ],
    };
    this.#later(this.delay(host, remote), () => {
      if (this.#severed.has(pairKey(host, remote))) {
        this.tell(host, { kind: 'connectFailed', connection, message: 'no route to host' });
        return;
      }
      this.#wires.set(`${host.name} ${connection}`, wire);
      this.#wires.set(`${remote.name} ${accepted}`, wire);
      this.tell(remote, { kind: 'accepted', connection: accepted, localIp: remote.ip, remoteIp: host.ip });
      this.tell(host, { kind: 'connected', connection, localIp: host.ip });
    });
  }

  #unplug(wire: Wire): void {
    for (const end of wire.ends) this.#wires.delete(`${end.host.name} ${end.connection}`);
  }

  /** How long octets take that leave now: never less than those before them. */
  #travel(wire: Wire, from: Host, to: Host): number {
    const arrivals = this.#arrivals.get(wire) ?? new Map<Host, number>();
    this.#arrivals.set(wire, arrivals);
    const at = Math.max(this.now + this.delay(from, to), arrivals.get(from) ?? 0);
    arrivals.set(from, at);
    return at - this.now;
  }

  #later(delay: number, run: () => void): void {
    this.#events.push({ at: this.now + delay, order: this.#order++, run });
  }

  #nextTimer(): Alarm | undefined {
    for (let next = this.#alarms.peek(); next !== undefined; next = this.#alarms.peek()) {
      if (next.host.timers.get(next.id) === next.at) return next;
      this.#alarms.pop();
    }
    return undefined;
  }
}

function pairKey(a: Host, b: Host): string {
  return [a.name, b.name].sort().join(' ');
}
