import {
  changeLinkRequest,
  deleteLinkGroupRequest,
  deleteLinkRequest,
  findLink,
  type KernelEvent,
  netlinkIn,
  type NetlinkSocket,
  openNamespace,
  type WaitingSocket,
  waitingNetlinkIn,
  type Watch,
  watchLinks,
} from '@muslin/linux';
import { fail, ok, type Result } from '@muslin/net';
import { LINK_LANES } from './thread-pool.ts';

/** Why a link is still there. */
export interface LinkFault {
  readonly message: string;
}

type Done = (done: Result<void, LinkFault>) => void;

/** Links of this group and the next ones are about to go; the number spells "msl". */
const DOOMED_GROUP = 0x6d736c;

/**
 * Deletes links. The kernel takes one out of the namespace, with its routes and neighbours, within 1–5 ms, thirty within 17;
 * the acknowledgement comes an RCU grace period or two later (15–45 ms), however many links go together, and nothing depends
 * on it. So what it tells of the link is taken for the end, and the acknowledgement is waited for aside. All that is
 * asked for while links are on their way out goes together as soon as they are: it would wait for the kernel's lock anyway.
 */
export class LinkRemover {
  readonly #socket: NetlinkSocket;
  readonly #lanes: readonly { readonly socket: WaitingSocket; readonly group: number }[];
  readonly #watch: Watch;
  readonly #idle: number[];
  #waiting = new Map<string, Done[]>();
  /** Under way, by index: a new link of the same name is another one. */
  readonly #going = new Map<number, readonly Done[]>();
  #due = false;

  private constructor(socket: NetlinkSocket, lanes: readonly WaitingSocket[], watch: Watch) {
    this.#socket = socket;
    this.#lanes = lanes.map((lane, i) => ({ socket: lane, group: DOOMED_GROUP + i }));
    this.#idle = lanes.map((_, i) => i);
    this.#watch = watch;
  }

  /** `namespace`: path or name; absent: the process' own. Throws when the node gives no sockets. */
  static open(namespace?: string): LinkRemover {
    using opened = namespace === undefined ? undefined : must(openNamespace(namespace));
    const socket = must(netlinkIn(opened));
    const lanes = Array.from({ length: LINK_LANES }, () => must(waitingNetlinkIn(opened)));
    const heard: { by?: LinkRemover } = {};
    const watch = must(watchLinks(events => heard.by?.hear(events), opened));
    heard.by = new LinkRemover(socket, lanes, watch);
    return heard.by;
  }

  /** Deletes a link by name; resolves when the namespace has it no more. Nothing to delete is fine. */
  remove(name: string): Promise<Result<void, LinkFault>> {
    return new Promise(resolve => {
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
      this.#flushSoon();
    });
  }

  /** Gives back what it opened; the kernel finishes what is under way. */
  close(): void {
    this.#watch.stop();
    this.#socket.close();
    for (const { socket } of this.#lanes) socket.close();
  }

  /** All that is asked for in one turn of the event loop goes together. */
  #flushSoon(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#going.size > 0 || this.#waiting.size === 0) return;
    const lane = this.#idle.shift();
    if (lane === undefined) return;
    const asked = this.#waiting;
    this.#waiting = new Map();
    const doomed: number[] = [];
    for (const [name, dones] of asked) {
      const found = findLink(this.#socket, name);
      if (!found.ok) settle(dones, fail(found.fault));
      else if (found.value === undefined) settle(dones, ok(undefined));
      else {
        const { index } = found.value;
        doomed.push(index);
        this.#going.set(index, [...(this.#going.get(index) ?? []), ...dones]);
      }
    }
    void this.#delete(doomed, lane).then(() => {
      this.#idle.push(lane);
      this.#flush();
    });
  }

  async #delete(doomed: readonly number[], at: number): Promise<void> {
    const [only, ...more] = doomed;
    const lane = this.#lanes[at];
    if (only === undefined || lane === undefined) return;
    const { socket, group } = lane;
    const faults =
      more.length === 0 ? [] : this.#socket.askAll(doomed.map(index => changeLinkRequest(index, { group })));
    const gone = await socket.ask(
      more.length === 0 ? deleteLinkRequest(only) : deleteLinkGroupRequest(group),
    );
    const fault = gone.ok ? undefined : gone.fault;
    for (const [i, index] of doomed.entries()) this.#ended(index, faults[i] ?? fault);
  }

  /** What the kernel tells of links. */
  hear(events: readonly KernelEvent[]): void {
    for (const event of events)
      if (event.topic === 'link' && event.change === 'gone') this.#ended(event.value.index, undefined);
  }

  #ended(index: number, fault: { readonly code: string; readonly message: string } | undefined): void {
    const dones = this.#going.get(index) ?? [];
    this.#going.delete(index);
    if (this.#going.size === 0) this.#flushSoon();
    settle(dones, fault === undefined || fault.code === 'ENODEV' ? ok(undefined) : fail(fault));
  }
}

function settle(dones: readonly Done[], result: Result<void, LinkFault>): void {
  for (const resolve of dones) resolve(result);
}

function must<T>(result: Result<T, { readonly message: string }>): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}
