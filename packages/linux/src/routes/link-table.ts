import { ok, type Result } from '@muslin/net';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { type Link, listLinks } from '../rtnetlink/links.ts';

/** Interface names and indexes, read on demand and kept until `forget`. */
export class LinkTable {
  readonly #socket: NetlinkSocket;
  #byName: Map<string, Link> | undefined;
  readonly #byIndex = new Map<number, Link>();

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Reads the links again at the next question. Call it on every link event. */
  forget(): void {
    this.#byName = undefined;
  }

  /** The link of this name; a miss reads the links again once, so the answer is never an old "no". */
  byName(name: string): Result<Link | undefined, NetlinkFault> {
    return this.#find(() => this.#byName?.get(name));
  }

  /** The link of this index. */
  byIndex(index: number): Result<Link | undefined, NetlinkFault> {
    return this.#find(() => this.#byIndex.get(index));
  }

  #find(look: () => Link | undefined): Result<Link | undefined, NetlinkFault> {
    const known = this.#byName === undefined ? undefined : look();
    if (known !== undefined) return ok(known);
    const links = listLinks(this.#socket);
    if (!links.ok) return links;
    this.#byName = new Map(links.value.map(link => [link.name, link]));
    this.#byIndex.clear();
    for (const link of links.value) this.#byIndex.set(link.index, link);
    return ok(look());
  }
}
