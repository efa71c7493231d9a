import {
  deleteAddress,
  type LinkAddress,
  listAddresses,
  listLinks,
  type NetlinkSocket,
  putAddress,
} from '@muslin/linux';
import { formatIp, widthOf } from '@muslin/net';
import type { PeeringAddress } from '../core/peering-addresses.ts';

/** What tells these addresses from others' on the same interface. */
const SCOPE_HOST = 254;
/** The speaker tells the pod that the session ends, and can't once the address is gone. */
const FAREWELL_MS = 5_000;

/**
 * Keeps the addresses at which pods call their node on the node's ends of their cables. The node answers from them, and sends
 * to the pod from its own address as before: in IPv6 they are deprecated, in IPv4 the route to the pod says so.
 */
export class PeeringLinks {
  readonly #netlink: NetlinkSocket;
  readonly #log: (line: string) => void;
  readonly #farewellMs: number;
  /** Nothing of ours is there; undefined: nobody has looked yet. */
  #bare: boolean | undefined;
  #complaint = '';
  /** Since when an address is not wanted any more. */
  readonly #leaving = new Map<string, number>();
  #later: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(netlink: NetlinkSocket, log: (line: string) => void, farewellMs: number = FAREWELL_MS) {
    this.#netlink = netlink;
    this.#log = log;
    this.#farewellMs = farewellMs;
  }

  /** Puts what is missing and takes away what is not wanted any more. */
  keep(wanted: readonly PeeringAddress[]): void {
    if (this.#stopped || (wanted.length === 0 && this.#bare)) return;
    const links = listLinks(this.#netlink);
    const addresses = listAddresses(this.#netlink);
    if (!links.ok || !addresses.ok) return;
    const names = new Map(
      links.value.filter(({ name }) => name.startsWith('msl')).map(({ index, name }) => [index, name]),
    );
    const there = addresses.value.filter(address => names.has(address.link) && isOurs(address));
    const keyOf = (name: string | undefined, { ip }: Pick<LinkAddress, 'ip'>) => `${name} ${formatIp(ip)}`;
    const held = new Set(there.map(address => keyOf(names.get(address.link), address)));
    const keys = new Set(wanted.map(address => keyOf(address.interfaceName, address)));
    const index = new Map([...names].map(([link, name]) => [name, link]));
    const left = there.filter(address => !keys.has(keyOf(names.get(address.link), address)));
    const due = this.#due(left, address => keyOf(names.get(address.link), address));
    clearTimeout(this.#later);
    if (due.length < left.length) this.#later = setTimeout(() => this.keep(wanted), this.#farewellMs).unref();
    const faults = [
      ...due.map(address => deleteAddress(this.#netlink, address)),
      ...wanted.flatMap(address => {
        const link = index.get(address.interfaceName);
        if (link === undefined || held.has(keyOf(address.interfaceName, address))) return [];
        return [putAddress(this.#netlink, ourAddress(link, address))];
      }),
    ].flatMap(done => (done.ok ? [] : [done.fault.message]));
    this.#bare = wanted.length === 0 && faults.length === 0 && due.length === left.length;
    this.#say(faults.join('; '));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#later);
  }

  /** Those of which pods have been told by now. */
  #due(left: readonly LinkAddress[], keyOf: (address: LinkAddress) => string): readonly LinkAddress[] {
    const now = performance.now();
    const keys = new Set(left.map(keyOf));
    for (const key of this.#leaving.keys()) if (!keys.has(key)) this.#leaving.delete(key);
    for (const key of keys) if (!this.#leaving.has(key)) this.#leaving.set(key, now);
    // A timer may fire a little early.
    return left.filter(address => now + 1 - (this.#leaving.get(keyOf(address)) ?? now) >= this.#farewellMs);
  }

  #say(complaint: string): void {
    if (complaint !== '' && complaint !== this.#complaint)
      this.#log(`addresses at which pods call by BGP are not as they should be: ${complaint}`);
    this.#complaint = complaint;
  }
}

function ourAddress(link: number, { ip }: PeeringAddress): LinkAddress {
  const { family } = ip;
  const own = family === 4 ? { scope: SCOPE_HOST } : { deprecated: true, noDad: true, noPrefixRoute: true };
  return { link, ip, length: widthOf(family), ...own };
}

/** Another plugin's gateway address on its veth is of scope global, and preferred. */
function isOurs({ ip, length, scope, deprecated }: LinkAddress): boolean {
  if (length !== widthOf(ip.family)) return false;
  return ip.family === 4 ? scope === SCOPE_HOST : deprecated === true;
}
