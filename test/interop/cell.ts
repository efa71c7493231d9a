import { setTimeout as sleep } from 'node:timers/promises';
import { OurSide } from './ours/our-side.ts';
import type { OurPeer, OurPlan, OurRoute } from './ours/speaker-request.ts';
import type { Family, PeerDaemon, TheirPlan } from './peers/peer-daemon.ts';
import type { PeerRow } from './peers/peer-row.ts';
import { ADDRESS, Place } from './place.ts';

/** How a feature sets both sides up; all is optional. */
export interface Setup {
  readonly families?: readonly Family[];
  readonly over?: Family;
  readonly ourAs?: number;
  readonly theirAs?: number;
  readonly theirs?: Partial<TheirPlan>;
  /** Fields of our peer's configuration. */
  readonly peer?: Partial<OurPeer>;
  readonly ours?: Partial<OurPlan>;
  readonly routes?: readonly OurRoute[];
  /** A third speaker, of ours too: its AS, what it announces, and whom it talks to. */
  readonly third?: {
    readonly as: number;
    readonly to: readonly ('ours' | 'theirs')[];
    readonly routes: readonly OurRoute[];
    /** Fields of our configuration towards it. */
    readonly peer?: Partial<OurPeer>;
  };
}

export const OUR_PREFIX = { ipv4: '10.200.1.0/26', ipv6: 'fd00:200::/64' } as const;
export const THEIR_PREFIX = { ipv4: '192.0.2.0/24', ipv6: '2001:db8:1::/48' } as const;
/** Longer than any daemon takes, and longer than a busy machine makes it take. */
const PATIENCE_S = 40;

/** One session between our speaker and a peer, each in a namespace of its own. */
export class Cell {
  static readonly #running = new Set<Cell>();
  readonly theirs: PeerDaemon;
  readonly #place: Place;
  readonly #plans: readonly OurPlan[];
  #ours: OurSide;

  private constructor(row: PeerRow, setup: Setup) {
    this.#place = new Place(setup.theirs?.unnumbered !== undefined);
    this.theirs = row.make(this.#place, theirPlan(setup));
    this.#plans = ourPlans(setup);
    this.#ours = new OurSide(this.#place.ours, this.#plans);
    Cell.#running.add(this);
  }

  /** Stops whatever runs. */
  static async stopAll(): Promise<void> {
    await Promise.all([...Cell.#running].map(cell => cell.stop()));
  }

  /** Starts both sides. */
  static async begin(row: PeerRow, setup: Setup): Promise<Cell> {
    const cell = new Cell(row, setup);
    try {
      // Who waits for the peer's call must be there when it comes: some call again after minutes only.
      if (setup.ours?.collide || setup.peer?.passive) await cell.ours.peer();
      await cell.theirs.start(false);
    } catch (error) {
      await cell.stop();
      throw error;
    }
    return cell;
  }

  get ours(): OurSide {
    return this.#ours;
  }

  /** The peer's configuration on our side, to be changed. */
  get peer(): OurPeer {
    return this.#plans[0]?.peers[0] as OurPeer;
  }

  /** Our side comes back after a crash and says so. */
  restartOurs(): void {
    const plans = this.#plans.map(plan => ({ ...plan, restarting: true }));
    this.#ours = new OurSide(this.#place.ours, plans);
  }

  /** Waits for what must become so. A daemon that does not answer yet counts as no. */
  async until<T>(
    what: string,
    look: () => Promise<T>,
    good: (seen: T) => boolean,
    seconds = PATIENCE_S,
  ): Promise<T> {
    const end = performance.now() + seconds * 1000;
    let last = 'nothing';
    for (;;) {
      try {
        const seen = await look();
        if (good(seen)) return seen;
        last = JSON.stringify(seen);
      } catch (error) {
        last = (error as Error).message.trim().split('\n').slice(0, 2).join(' ');
      }
      if (performance.now() > end)
        throw new Error(`not within ${seconds} s: ${what}; last seen: ${last.slice(0, 600)}`);
      await sleep(200);
    }
  }

  /** Sees that something does not happen for a while. */
  async never<T>(
    what: string,
    look: () => Promise<T>,
    bad: (seen: T) => boolean,
    seconds: number,
  ): Promise<void> {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const seen = await look().catch(() => undefined);
      if (seen !== undefined && bad(seen)) throw new Error(`${what}: ${JSON.stringify(seen).slice(0, 600)}`);
      await sleep(250);
    }
  }

  /** Waits until a guard of the kernel on one side has dropped packets. */
  async dropped(side: 'ours' | 'theirs', counter: 'TCPMD5Failure' | 'TCPMinTTLDrop'): Promise<void> {
    await this.until(
      `${counter} counts`,
      async () => this.#place.count(side, counter),
      count => count > 0,
    );
  }

  /** Both sides say that the session stands. */
  async up(): Promise<void> {
    await this.until(
      'our side says Established',
      () => this.ours.peer(),
      peer => peer.state === 'Established',
    );
    await this.until('the peer says Established', () => this.theirs.established(), Boolean);
  }

  /** Both sides say that the session stands, and each has the other's route of each family. */
  async exchanged(families: readonly Family[] = ['ipv4']): Promise<void> {
    await this.up();
    for (const family of families) {
      const prefix = THEIR_PREFIX[family];
      await this.until(
        `we have ${prefix}`,
        () => this.ours.fib(),
        fib => prefix in fib.routes,
      );
      await this.theyHave(OUR_PREFIX[family]);
    }
  }

  /** Waits until the peer has this many paths of ours to a prefix. */
  theyHave(prefix: string, count = 1) {
    return this.until(
      `the peer has ${prefix} ${count} times`,
      () => this.theirs.paths(prefix),
      paths => paths.length >= count,
    );
  }

  async stop(): Promise<void> {
    Cell.#running.delete(this);
    await this.#ours.kill();
    await this.theirs.end();
    this.#place.remove();
  }
}

function theirPlan(setup: Setup): TheirPlan {
  const { families = ['ipv4'], over = 'ipv4', ourAs = 65001, theirAs = 65002, third, theirs } = setup;
  return {
    as: theirAs,
    ip: ADDRESS.theirs[over],
    neighbours: [
      { ip: ADDRESS.ours[over], as: ourAs },
      ...(third?.to.includes('theirs') ? [{ ip: ADDRESS.third[over], as: third.as }] : []),
    ],
    families,
    routes: families.map(family => ({ prefix: THEIR_PREFIX[family] })),
    ...theirs,
  };
}

function ourPlans(setup: Setup): OurPlan[] {
  const { families = ['ipv4'], over = 'ipv4', ourAs = 65001, theirAs = 65002, third } = setup;
  const shared = {
    families: families.map(family => `${family}-unicast` as const),
    holdTime: 30,
    connectRetryTime: 1,
  };
  const nextHopSelf = (who: 'ours' | 'third') => ({ ipv4: ADDRESS[who].ipv4, ipv6: ADDRESS[who].ipv6 });
  const ours: OurPlan = {
    name: 'ours',
    asNumber: ourAs,
    routerId: ADDRESS.ours.ipv4,
    addresses: [ADDRESS.ours[over]],
    routes: setup.routes ?? families.map(family => ({ prefix: OUR_PREFIX[family] })),
    peers: [
      {
        ...shared,
        id: 'theirs',
        remoteIp: ADDRESS.theirs[over],
        remoteAs: theirAs,
        nextHopSelf: nextHopSelf('ours'),
        ...setup.peer,
        transport: setup.peer?.transport ?? { source: ADDRESS.ours[over] },
      },
      ...(third?.to.includes('ours')
        ? [
            {
              ...shared,
              id: 'third',
              remoteIp: ADDRESS.third[over],
              remoteAs: third.as,
              passive: true,
              nextHopSelf: nextHopSelf('ours'),
              transport: { source: ADDRESS.ours[over] },
              ...third.peer,
            },
          ]
        : []),
    ],
    ...setup.ours,
  };
  if (third === undefined) return [ours];
  const toPeer = (to: 'ours' | 'theirs') => ({
    ...shared,
    id: to,
    remoteIp: ADDRESS[to][over],
    remoteAs: to === 'ours' ? ourAs : theirAs,
    nextHopSelf: nextHopSelf('third'),
    transport: { source: ADDRESS.third[over] },
  });
  return [
    ours,
    {
      name: 'third',
      asNumber: third.as,
      routerId: ADDRESS.third.ipv4,
      addresses: [ADDRESS.third[over]],
      routes: third.routes,
      peers: third.to.map(toPeer),
    },
  ];
}
