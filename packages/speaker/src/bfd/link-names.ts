import { findLink, type Namespace, netlinkIn, type NetlinkSocket } from '@muslin/linux';

interface Known {
  readonly name: string | undefined;
  readonly until: number;
}

const FRESH_MS = 1000;

/** Names of interfaces by index, asked of the kernel at most once a second each, since interfaces come, go and are renamed. */
export class LinkNames {
  readonly #namespace: Namespace | undefined;
  readonly #known = new Map<number, Known>();
  #socket: NetlinkSocket | undefined;

  constructor(namespace: Namespace | undefined) {
    this.#namespace = namespace;
  }

  /** Undefined when there is no such interface, or the kernel does not say. */
  nameOf(index: number, now: number): string | undefined {
    const known = this.#known.get(index);
    if (known !== undefined && now < known.until) return known.name;
    const name = this.#ask(index);
    this.#known.set(index, { name, until: now + FRESH_MS });
    return name;
  }

  #ask(index: number): string | undefined {
    if (this.#socket === undefined) {
      const opened = netlinkIn(this.#namespace);
      if (!opened.ok) return undefined;
      this.#socket = opened.value;
    }
    const found = findLink(this.#socket, index);
    return found.ok ? found.value?.name : undefined;
  }
}
