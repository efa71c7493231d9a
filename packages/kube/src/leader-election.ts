import type { Result } from '@muslin/net';
import { type Clock, systemClock } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import type { KubeFault } from './kube-fault.ts';
import {
  type ElectionConfig,
  type Lease,
  type LeaseEffect,
  type LeaseInput,
  leaseStep,
  NEW_CANDIDATE,
} from './lease.ts';
import { RESOURCES } from './resources.ts';

/** Whom to tell. */
export interface ElectionOptions {
  readonly clock?: Clock;
  /** Called once for each change of role; `leader` is the identity that the lease names, if any. */
  readonly onRole: (role: 'leader' | 'follower', leader: string | undefined) => void;
  readonly onFault?: (fault: KubeFault) => void;
}

/** Takes part in the election for one Lease until stopped: performs what `leaseStep` wants. */
export class LeaderElection {
  readonly #client: Pick<KubeClient, 'get' | 'create' | 'update'>;
  readonly #config: ElectionConfig;
  readonly #options: ElectionOptions;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #state = NEW_CANDIDATE;
  #running: Promise<void> | undefined;

  constructor(
    client: Pick<KubeClient, 'get' | 'create' | 'update'>,
    config: ElectionConfig,
    options: ElectionOptions,
  ) {
    this.#client = client;
    this.#config = config;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get role(): 'leader' | 'follower' {
    return this.#state.role;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Leaves the election; a leader gives its lease up, so that the next one need not wait. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const effect = this.#feed({ type: 'resign', now: this.#clock.now() });
    if (effect.type === 'update') await this.#perform(effect);
  }

  async #run(): Promise<void> {
    let input: LeaseInput = { type: 'tick', now: this.#clock.now() };
    while (!this.#stop.signal.aborted) input = await this.#perform(this.#feed(input));
  }

  #feed(input: LeaseInput): LeaseEffect {
    const before = this.#state.role;
    const { state, effect } = leaseStep(this.#state, input, this.#config);
    this.#state = state;
    if (state.role !== before)
      this.#options.onRole(state.role, state.seen?.spec?.holderIdentity || undefined);
    return effect;
  }

  async #perform(effect: LeaseEffect): Promise<LeaseInput> {
    const timeoutMs = this.#patience();
    const { namespace, name } = this.#config;
    switch (effect.type) {
      case 'wait':
        await this.#clock.sleep(effect.ms, this.#stop.signal);
        return { type: 'tick', now: this.#clock.now() };
      case 'read': {
        const got = await this.#client.get<Lease>(RESOURCES.Lease, { namespace, name }, { timeoutMs });
        const now = this.#clock.now();
        if (got.ok) return { type: 'read', now, lease: got.value };
        if (got.fault.code === 'NotFound') return { type: 'read', now, lease: undefined };
        return this.#failed(got.fault, now);
      }
      case 'create':
      case 'update': {
        const done: Result<Lease, KubeFault> = await this.#client[effect.type]<Lease>(
          RESOURCES.Lease,
          effect.lease,
          { timeoutMs },
        );
        const now = this.#clock.now();
        if (done.ok) return { type: 'written', now, lease: done.value, sentAt: effect.sentAt };
        return this.#failed(done.fault, now);
      }
      default:
        return effect satisfies never;
    }
  }

  /** A call that takes longer than the rest of a leader's time must not keep it from stepping down. */
  #patience(): number {
    const { role, renewedAt } = this.#state;
    const limit = this.#config.renewDeadlineMs;
    return role === 'leader' ? Math.max(1, renewedAt + limit - this.#clock.now()) : limit;
  }

  #failed(fault: KubeFault, now: number): LeaseInput {
    this.#options.onFault?.(fault);
    return { type: 'failed', now };
  }
}
