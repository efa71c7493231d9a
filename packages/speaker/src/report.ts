import type { KubeClient, Resource } from '@muslin/kube';

const BGP_NODE_STATUS: Resource = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  plural: 'bgpnodestatuses',
  kind: 'BGPNodeStatus',
  namespaced: false,
};
const FIELD_MANAGER = { fieldManager: 'muslin-speaker', force: true } as const;

/** What telling takes. */
export interface ReporterOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  /** The status as it is now, without `lastUpdated`. */
  readonly status: () => object;
  readonly log: (line: string) => void;
  /** Shortest time between two writes. Default 250. */
  readonly everyMs?: number;
  /** Pause after a write that failed. Default 2000. */
  readonly retryMs?: number;
  /** An unchanged status is told again after this, so that an old `lastUpdated` means a dead speaker. Default 5 min. */
  readonly refreshMs?: number;
}

/** Writes the status soon after something changed, one write at a time, again and again until it is there. */
export class Reporter {
  readonly #options: ReporterOptions;
  #timer: NodeJS.Timeout | undefined;
  #writing = false;
  #poked = false;
  #written = '';
  #writtenAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Something may have changed. */
  poke(): void {
    this.#poked = true;
    this.#wait(this.#options.everyMs ?? 250);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    if (this.#timer !== undefined || this.#writing || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#turn(), ms);
    this.#timer.unref();
  }

  async #turn(): Promise<void> {
    const { everyMs = 250, retryMs = 2000, log } = this.#options;
    this.#timer = undefined;
    this.#writing = true;
    this.#poked = false;
    const fault = await this.#write();
    this.#writing = false;
    if (fault !== undefined) log(`the status can't be written: ${fault}`);
    if (fault !== undefined) this.#wait(retryMs);
    else if (this.#poked) this.#wait(everyMs);
  }

  /** Gives why it failed, in words. */
  async #write(): Promise<string | undefined> {
    const { client, node, refreshMs = 300_000 } = this.#options;
    const status = this.#options.status();
    const text = JSON.stringify(status);
    if (text === this.#written && performance.now() - this.#writtenAt < refreshMs) return undefined;
    const { group, version, kind } = BGP_NODE_STATUS;
    const base = { apiVersion: `${group}/${version}`, kind, metadata: { name: node } };
    const lastUpdated = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const body = { ...base, status: { ...status, lastUpdated } };
    const at = { name: node };
    const make = { type: 'apply', body: { ...base, spec: {} } } as const;
    const tell = { type: 'apply', body } as const;
    const put = () => client.patch(BGP_NODE_STATUS, at, tell, { ...FIELD_MANAGER, subresource: 'status' });
    // A status has to have its object first, also when somebody deleted that.
    let done = this.#written === '' ? undefined : await put();
    if (done === undefined || (!done.ok && done.fault.code === 'NotFound')) {
      const made = await client.patch(BGP_NODE_STATUS, at, make, FIELD_MANAGER);
      done = made.ok ? await put() : made;
    }
    if (!done.ok) return done.fault.message;
    this.#written = text;
    this.#writtenAt = performance.now();
    return undefined;
  }
}
