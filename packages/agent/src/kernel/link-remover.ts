import {
  changeLinkRequest,
  deleteLink,
  deleteLinkGroup,
  type NetlinkFault,
  type NetlinkSocket,
} from '@muslin/linux';
import { fail, ok, type Result } from '@muslin/net';

/** Links of this group are about to go; the number spells "msl". */
const DOOMED_GROUP = 0x6d736c;

/**
 * Deletes links, those that are asked for together in one piece: each deletion waits for an RCU grace period
 * (15–25 ms) in which nothing else of this process runs, however many links it takes along.
 */
export class LinkRemover {
  readonly #socket: NetlinkSocket;
  #waiting = new Map<string, ((done: Result<void, NetlinkFault>) => void)[]>();

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Deletes a link by name. Nothing to delete is fine. */
  remove(name: string): Promise<Result<void, NetlinkFault>> {
    return new Promise(resolve => {
      if (this.#waiting.size === 0) setImmediate(() => this.#flush());
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    const names = [...waiting.keys()];
    const faults = names.length === 1 ? [this.#one(names[0] as string)] : this.#group(names);
    names.forEach((name, i) => {
      const fault = faults[i];
      const done = fault === undefined || fault.code === 'ENODEV' ? ok(undefined) : fail(fault);
      for (const resolve of waiting.get(name) ?? []) resolve(done);
    });
  }

  #one(name: string): NetlinkFault | undefined {
    const gone = deleteLink(this.#socket, name);
    return gone.ok ? undefined : gone.fault;
  }

  #group(names: readonly string[]): readonly (NetlinkFault | undefined)[] {
    const moved = this.#socket.askAll(names.map(name => changeLinkRequest(name, { group: DOOMED_GROUP })));
    const gone = deleteLinkGroup(this.#socket, DOOMED_GROUP);
    const fault = gone.ok ? undefined : gone.fault;
    return moved.map(own => own ?? fault);
  }
}
