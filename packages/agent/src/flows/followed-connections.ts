import type { Flow } from '@muslin/linux';
import { formatIp } from '@muslin/net';

/** Allowed connections taken of one look at the table. */
const SAMPLE = 64;
/** Connections whose end is waited for. */
const FOLLOWED = 1_024;

/** What a look at the table shows. */
export interface Looked<T> {
  /** A sample of what is new since the look before. */
  readonly opened: readonly Flow[];
  /** Of those that were followed: what is no longer there, as it was seen last. */
  readonly ended: readonly { readonly flow: Flow; readonly told: T }[];
}

/** Compares looks at the table of tracked connections. Bounded: what is followed, and what is taken of one look. */
export class FollowedConnections<T> {
  /** All that the last look showed; undefined before the first. */
  #known: ReadonlySet<string> | undefined;
  readonly #followed = new Map<string, { flow: Flow; readonly told: T }>();

  /** Begins anew: what opened or ended in between is no news. */
  forget(): void {
    this.#known = undefined;
    this.#followed.clear();
  }

  look(flows: Iterable<Flow>): Looked<T> {
    const known = new Set<string>();
    const opened: Flow[] = [];
    for (const flow of flows) {
      const key = keyOf(flow);
      known.add(key);
      const followed = this.#followed.get(key);
      if (followed !== undefined) followed.flow = flow;
      else if (this.#known?.has(key) === false && opened.length < SAMPLE) opened.push(flow);
    }
    const ended: { readonly flow: Flow; readonly told: T }[] = [];
    for (const [key, followed] of this.#followed) {
      if (known.has(key)) continue;
      this.#followed.delete(key);
      ended.push(followed);
    }
    this.#known = known;
    return { opened, ended };
  }

  /** From now on its end is told. */
  follow(flow: Flow, told: T): void {
    if (this.#followed.size < FOLLOWED) this.#followed.set(keyOf(flow), { flow, told });
  }
}

function keyOf({
  original: { source, destination, protocol, sourcePort, destinationPort, icmp },
}: Flow): string {
  return `${formatIp(source)} ${formatIp(destination)} ${protocol} ${sourcePort ?? icmp?.id} ${destinationPort}`;
}
