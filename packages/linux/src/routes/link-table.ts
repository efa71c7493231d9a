import { ok, type Result } from '@muslin/net';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { findLink, type Link, listLinks } from '../rtnetlink/links.ts';

/** Interface names and indexes, read on demand and kept until `forget`. */
export class LinkTable {
  readonly #socket: NetlinkSocket;
  readonly #byName = new Map<string, Link>();
  readonly #byIndex = new Map<number, Link>();

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Reads the links again at the next question. Call it on every link event. */
  forget(): void {
    this.#byName.clear();
    this.#byIndex.clear();
  }

  /** The link of this name; one that is not known is asked for, so the answer is never an old "no". */
  byName(name: string): Result<Link | undefined, NetlinkFault> {
    const known = this.#byName.get(name);
    if (known !== undefined) return ok(known);
    // Alone: a new pod's interface is one of hundreds.
    const found = findLink(this.#socket, name);
    if (found.ok && found.value !== undefined) this.#keep(found.value);
    return found;
  }

  /** The link of this index; a miss reads all links again once: whoever reads routes asks for many. */
  byIndex(index: number): Result<Link | undefined, NetlinkFault> {
    const known = this.#byIndex.get(index);
    if (known !== undefined) return ok(known);
    const links = listLinks(this.#socket);
    if (!links.ok) return links;
    this.forget();
    for (const link of links.value) this.#keep(link);
    return ok(this.#byIndex.get(index));
  }

  #keep(link: Link): void {
    this.#byName.set(link.name, link);
    this.#byIndex.set(link.index, link);
  }
}
