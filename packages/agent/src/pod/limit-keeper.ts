import { type NetlinkSocket, runCommand } from '@muslin/linux';
import { keepBuckets } from './token-buckets.ts';
import { holdTo, type LimitedLink, lostLimits } from './limit-table.ts';
import type { Sandbox, SandboxStore } from './sandbox-store.ts';

/** What keeping limits takes. */
export interface LimitKeeperOptions {
  readonly sandboxes: SandboxStore;
  /** Of the node's own namespace. */
  readonly netlink: NetlinkSocket;
  /** Time between looks, in milliseconds. */
  readonly everyMs: number;
  readonly log: (line: string) => void;
}

/**
 * Puts limits of packets, connections and bandwidth back that somebody took out of the kernel: `nft flush ruleset` takes the first
 * two, `tc qdisc del` the last.
 */
export class LimitKeeper {
  readonly #options: LimitKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: LimitKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), this.#options.everyMs);
    this.#timer.unref();
    void this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One look; a second one meanwhile is none. */
  async look(): Promise<void> {
    keepBuckets(this.#options);
    const held = this.#limited();
    if (this.#looking || held.length === 0) return;
    this.#looking = true;
    try {
      const listed = await runCommand('nft', ['list', 'ruleset', 'inet'], { timeoutMs: 15_000 });
      if (!listed.ok) return;
      for (const link of lostLimits(listed.value, held)) {
        // It may have gone while others were put back.
        if (!this.#limited().some(each => each.hostInterface === link.hostInterface)) continue;
        this.#options.log(`limits of ${link.hostInterface} were taken out of the kernel: they are put back`);
        const done = await holdTo(link);
        if (!done.ok) this.#options.log(done.fault.message);
      }
    } finally {
      this.#looking = false;
    }
  }

  #limited(): readonly LimitedLink[] {
    return this.#options.sandboxes.all().filter(isLimited);
  }
}

const isLimited = (sandbox: Sandbox): sandbox is Sandbox & LimitedLink =>
  sandbox.limits !== undefined && sandbox.state === 'ready';
