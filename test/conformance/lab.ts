import { setTimeout as sleep } from 'node:timers/promises';
import { join, KEEPALIVE, attr, address, path, raw, updateBody } from './octets.ts';
import { GUESTS, type Guest, SUBJECT } from './place.ts';
import { nameOf, readUpdate, type Told } from './told.ts';
import { WireSession } from './wire-session.ts';

/** How patient one is with a speaker. Milliseconds. */
export interface Patience {
  /** Until something must have happened. */
  readonly late: number;
  /** After the marker came, until the probe's own prefix counts as settled. */
  readonly settle: number;
}

/** A well-behaved peer and what it was told. */
export class GuestSession {
  readonly routes: Map<string, Told> = new Map();
  readonly session: WireSession;
  readonly #alive: NodeJS.Timeout;
  #wake: (() => void)[] = [];

  constructor(session: WireSession) {
    this.session = session;
    session.onMessage = message => {
      if (message.type !== 2) return;
      const { announced, withdrawn, attributes } = readUpdate(message.body);
      for (const name of withdrawn) this.routes.delete(name);
      for (const name of announced) this.routes.set(name, { attributes });
      const waiting = this.#wake;
      this.#wake = [];
      for (const resolve of waiting) resolve();
    };
    this.#alive = setInterval(() => session.send(KEEPALIVE), 10_000);
  }

  /** Waits until what it was told about a prefix is so. */
  async until(
    prefix: readonly number[],
    holds: (told: Told | undefined) => boolean,
    ms: number,
    family = 4,
  ): Promise<boolean> {
    const name = nameOf(prefix, family);
    const late = performance.now() + ms;
    while (!holds(this.routes.get(name))) {
      const left = late - performance.now();
      if (left <= 0) return false;
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return true;
  }

  told(prefix: readonly number[], family = 4): Told | undefined {
    return this.routes.get(nameOf(prefix, family));
  }

  close(): void {
    clearInterval(this.#alive);
    this.session.close();
  }
}

/** The examined speaker among its guests. */
export class Lab {
  readonly patience: Patience;
  readonly guests: ReadonlyMap<Guest, GuestSession>;

  private constructor(patience: Patience, guests: ReadonlyMap<Guest, GuestSession>) {
    this.patience = patience;
    this.guests = guests;
  }

  /** Brings all guests to Established; a speaker that is still starting is called again. */
  static async open(patience: Patience): Promise<Lab> {
    const guests = new Map<Guest, GuestSession>();
    for (const [name, guest] of Object.entries(GUESTS) as [Guest, (typeof GUESTS)[Guest]][]) {
      const id = 'id' in guest ? guest.id : guest.ip;
      guests.set(name, new GuestSession(await callUntilUp(guest.ip, guest.as, id)));
    }
    return new Lab(patience, guests);
  }

  guest(name: Guest): GuestSession {
    return this.guests.get(name) as GuestSession;
  }

  /** A connection from an address; throws when the speaker takes none. */
  async call(ip: string): Promise<WireSession> {
    const session = await WireSession.call(ip, SUBJECT.ip);
    if (session === undefined) throw new Error('no connection');
    return session;
  }

  /** A guest announces a prefix; `attributes` stand after ORIGIN, AS_PATH and NEXT_HOP, or replace them. */
  announce(name: Guest, prefix: readonly number[], attributes: readonly Uint8Array[]): void {
    this.guest(name).session.send(raw(2, updateBody(attributes, prefix)));
  }

  withdraw(name: Guest, prefix: readonly number[]): void {
    this.guest(name).session.send(raw(2, updateBody([], [], prefix)));
  }

  /** Names of guests whose session did not survive. */
  lost(): string[] {
    return [...this.guests].flatMap(([name, { session }]) =>
      session.end === undefined && !session.has(3) ? [] : [`${name}: ${session.farewell()}`],
    );
  }

  close(): void {
    for (const guest of this.guests.values()) guest.close();
  }
}

async function callUntilUp(ip: string, as: number, id: string): Promise<WireSession> {
  for (let attempt = 0; attempt < 60; attempt++) {
    const session = await WireSession.call(ip, SUBJECT.ip);
    if (session !== undefined) {
      if (await session.establish(as, ip, { id }, 3000)) return session;
      session.close();
    }
    await sleep(250);
  }
  throw new Error(`${ip} never got a session`);
}

/** ORIGIN IGP, a path and a next hop. */
export function goodAttributes(ip: string, as: readonly number[]): Uint8Array[] {
  return [attr(0x40, 1, [0]), path(...as), attr(0x40, 3, address(ip))];
}

/** The same in a session between two-octet speakers. */
export function shortAttributes(ip: string, as: readonly number[]): Uint8Array[] {
  const numbers = as.flatMap(n => [n >> 8, n & 255]);
  return [attr(0x40, 1, [0]), attr(0x40, 2, [2, as.length, ...numbers]), attr(0x40, 3, address(ip))];
}

/** A good UPDATE. */
export function goodUpdate(
  ip: string,
  as: readonly number[],
  ...prefixes: readonly (readonly number[])[]
): Uint8Array {
  return raw(2, updateBody(goodAttributes(ip, as), join(...prefixes)));
}
