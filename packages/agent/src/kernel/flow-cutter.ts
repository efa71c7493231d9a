import type { NodeState } from '@muslin/api';
import type { ConntrackDriver, Flow } from '@muslin/linux';
import { formatIp, type Ip } from '@muslin/net';
import type { PodTunnels } from '@muslin/policy';
import { FlowJudge } from '../core/denied-flows.ts';

/** What one look at all tracked flows did. */
export interface Cut {
  /** `stateVersion` of the newest state that was judged by. */
  readonly stateVersion: number;
  readonly judged: number;
  readonly cut: number;
  readonly ms: number;
}

/** What cutting flows takes. */
export interface FlowCutterOptions {
  readonly tracker: Pick<ConntrackDriver, 'readAside' | 'remove'>;
  /** Addresses of the node itself, read anew for each look. */
  readonly nodeAddresses: () => readonly Ip[];
  readonly onCut: (cut: Cut) => void;
  readonly onFault: (message: string) => void;
}

/**
 * Between looks that only pods' coming and going asks for: the kernel walks its whole table for each, 10 ms of a core where
 * it has room for 262,144. A look for a policy that changed waits for nothing.
 */
const APART_MS = 250;
/** Longest time that judging keeps the event loop to itself. */
const SLICE_MS = 3;
/** Flows after which it rests, so that a full table does not take a core from the pods. */
const REST_AFTER = 50_000;
const REST_MS = 100;
const RETRY_MS = 1_000;

/** What the kernel enforces. */
interface Enforced {
  readonly state: NodeState;
  readonly version: number;
  readonly tunnels: PodTunnels;
}

/**
 * Takes connections that policy denies by now out of connection tracking, so that their next packet is judged anew:
 * the rules accept what is established before they ask any policy. Runs behind enforcement, never in its way.
 */
export class FlowCutter {
  readonly #options: FlowCutterOptions;
  #latest: Enforced | undefined;
  #judge: FlowJudge | undefined;
  /** The latest that every flow was judged by. */
  #done: Enforced | undefined;
  #running = false;
  #stopped = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Ends the pause before the next look. */
  #hurry: (() => void) | undefined;
  /** Ends the pause before the next look for addresses of pods that are gone. */
  #hurryForgetting: (() => void) | undefined;
  #forgetSoon = false;
  #forgetting = false;
  #forgotAt = Number.NEGATIVE_INFINITY;
  #gone: { readonly ips: readonly Ip[]; readonly resolve: () => void }[] = [];

  constructor(options: FlowCutterOptions) {
    this.#options = options;
  }

  /** The kernel enforces this state now: what was established under an older one is looked at. */
  enforced(state: NodeState, version: number, tunnels: PodTunnels): void {
    const before = this.#latest;
    const asBefore = sameTunnels(before?.tunnels, tunnels);
    if (before?.version === version && asBefore) return;
    this.#latest = { state, version, tunnels };
    this.#judge = undefined;
    if (before?.state.policies !== state.policies || before.state.hosts !== state.hosts || !asBefore) {
      this.#lookedAt = Number.NEGATIVE_INFINITY;
      this.#hurry?.();
    }
    if (this.#running || this.#stopped) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
    });
  }

  /**
   * Forgets every flow of addresses whose pod is gone: the next pod with such an address must not inherit them.
   * Calls that come together share one look at the table, and so do those that come soon after another. A fault is
   * reported and leaves them.
   */
  forget(ips: readonly Ip[]): Promise<void> {
    if (ips.length === 0) return Promise.resolve();
    return new Promise(resolve => {
      this.#gone.push({ ips, resolve });
      if (!this.#forgetting) void this.#forgetAll();
    });
  }

  /** Somebody waits for what is being forgotten: the look at the table waits for nothing. */
  hurry(): void {
    this.#forgetSoon = this.#forgetting;
    this.#hurryForgetting?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#hurry?.();
  }

  async #run(): Promise<void> {
    // Whoever waits for enforcement goes first.
    await new Promise(resolve => setImmediate(resolve));
    while (!this.#stopped && this.#done !== this.#latest) {
      await this.#pause(this.#lookedAt + APART_MS - performance.now());
      if (this.#stopped) return;
      this.#lookedAt = performance.now();
      if (!(await this.#look())) await rest(RETRY_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#hurry = resolve;
    await promise;
    this.#hurry = undefined;
    clearTimeout(timer);
  }

  /** One whole look. A state that changes meanwhile is used for the rest of it; then comes another look. */
  async #look(): Promise<boolean> {
    const { tracker, onCut, onFault } = this.#options;
    const begun = performance.now();
    const coversAll = this.#latest;
    if (this.#currentJudge().idle && sameTunnels(this.#done?.tunnels, coversAll?.tunnels)) {
      this.#done = coversAll;
      return true;
    }
    const read = await tracker.readAside();
    if (!read.ok) {
      onFault(`tracked flows can't be read: ${read.fault.message}`);
      return false;
    }
    const flows = read.value;
    let cut = 0;
    for (let next = 0; next < flows.length && !this.#stopped; ) {
      const judge = this.#currentJudge();
      const denied: Flow[] = [];
      const until = performance.now() + SLICE_MS;
      const restAt = next - (next % REST_AFTER) + REST_AFTER;
      do {
        const flow = flows[next++] as Flow;
        if (judge.deniedBy(flow) !== undefined) denied.push(flow);
      } while (next < flows.length && next < restAt && performance.now() < until);
      if (denied.length > 0) {
        const removed = tracker.remove(denied);
        if (!removed.ok) {
          onFault(`denied flows can't be removed: ${removed.fault.message}`);
          return false;
        }
        cut += removed.value;
      }
      await (next === restAt ? rest(REST_MS) : new Promise(resolve => setImmediate(resolve)));
    }
    this.#done = coversAll;
    const stateVersion = coversAll?.version ?? -1;
    onCut({ stateVersion, judged: flows.length, cut, ms: performance.now() - begun });
    return true;
  }

  #currentJudge(): FlowJudge {
    if (this.#latest === undefined) throw new Error('nothing was enforced yet');
    const { state, tunnels } = this.#latest;
    this.#judge ??= new FlowJudge(state, this.#options.nodeAddresses(), tunnels);
    return this.#judge;
  }

  async #forgetAll(): Promise<void> {
    this.#forgetting = true;
    await new Promise(resolve => setImmediate(resolve));
    while (this.#gone.length > 0) {
      const early = this.#forgotAt + APART_MS - performance.now();
      if (early > 0 && !this.#forgetSoon) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, early);
        this.#hurryForgetting = resolve;
        await promise;
        this.#hurryForgetting = undefined;
        clearTimeout(timer);
      }
      this.#forgetSoon = false;
      this.#forgotAt = performance.now();
      await this.#forgetSome();
    }
    this.#forgetting = false;
  }

  async #forgetSome(): Promise<void> {
    const gone = this.#gone;
    this.#gone = [];
    const { tracker, onFault } = this.#options;
    const addresses = new Set(gone.flatMap(({ ips }) => ips.map(formatIp)));
    const read = await tracker.readAside();
    const removed = read.ok
      ? tracker.remove(
          read.value.filter(({ original, reply }) =>
            [original.source, original.destination, reply.source, reply.destination].some(ip =>
              addresses.has(formatIp(ip)),
            ),
          ),
        )
      : read;
    if (!removed.ok) onFault(`flows of removed pods stay tracked: ${removed.fault.message}`);
    for (const { resolve } of gone) resolve();
  }
}

function sameTunnels(a: PodTunnels | undefined, b: PodTunnels | undefined): boolean {
  return a?.allowIpip === b?.allowIpip && a?.allowVxlan === b?.allowVxlan && a?.vxlanPort === b?.vxlanPort;
}

function rest(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}
