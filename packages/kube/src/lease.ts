import type { KubeObject } from './kube-object.ts';

/** A Lease (coordination.k8s.io/v1). */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    /** MicroTime: RFC 3339 with six decimals. */
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number | null;
  };
}

/** How an election is run. All times in ms. */
export interface ElectionConfig {
  /** Unique per process. */
  readonly identity: string;
  readonly namespace: string;
  readonly name: string;
  /** Others wait this long after the last renewal that they saw. */
  readonly leaseMs: number;
  /** A leader that could not renew for this long steps down. Shorter than `leaseMs`, so that it stops first. */
  readonly renewDeadlineMs: number;
  /** Between tries. */
  readonly retryMs: number;
}

/**
 * What one candidate knows. Times are of its own clock: clocks of others are never compared with it, so a skewed
 * clock cannot make two leaders.
 */
export interface LeaseState {
  readonly role: 'follower' | 'leader';
  /** The lease as last read or written. */
  readonly seen: Lease | undefined;
  /** When `seen` last changed, by the own clock. */
  readonly seenAt: number;
  /** Start of the last write that succeeded; the lease is held until `leaseMs` after it at least. */
  readonly renewedAt: number;
}

/** What happens to a candidate. `now` is its own clock, ms. */
export type LeaseInput =
  | { readonly type: 'tick'; readonly now: number }
  | { readonly type: 'read'; readonly now: number; readonly lease: Lease | undefined }
  | { readonly type: 'written'; readonly now: number; readonly lease: Lease; readonly sentAt: number }
  /** The call failed, was refused or lost a race. */
  | { readonly type: 'failed'; readonly now: number }
  | { readonly type: 'resign'; readonly now: number };

/** What a candidate wants done next. */
export type LeaseEffect =
  | { readonly type: 'read' }
  | { readonly type: 'create' | 'update'; readonly lease: Lease; readonly sentAt: number }
  | { readonly type: 'wait'; readonly ms: number };

/** Where a candidate begins. */
export const NEW_CANDIDATE: LeaseState = {
  role: 'follower',
  seen: undefined,
  seenAt: Number.NEGATIVE_INFINITY,
  renewedAt: Number.NEGATIVE_INFINITY,
};

/** One step of an election. */
export function leaseStep(
  state: LeaseState,
  input: LeaseInput,
  config: ElectionConfig,
): { readonly state: LeaseState; readonly effect: LeaseEffect } {
  const { now } = input;
  const expired = state.role === 'leader' && now - state.renewedAt >= config.renewDeadlineMs;
  const current: LeaseState = expired ? { ...state, role: 'follower' } : state;
  switch (input.type) {
    case 'tick':
      return { state: current, effect: { type: 'read' } };
    case 'failed':
      return { state: current, effect: { type: 'wait', ms: untilNextTry(current, now, config) } };
    case 'written': {
      // An answer that comes after the deadline proves nothing any more.
      const role = now - input.sentAt < config.renewDeadlineMs ? 'leader' : 'follower';
      return {
        state: { role, seen: input.lease, seenAt: now, renewedAt: input.sentAt },
        effect: { type: 'wait', ms: config.retryMs },
      };
    }
    case 'read':
      return decide(observe(current, input.lease, now), now, config);
    case 'resign': {
      const follower: LeaseState = { ...current, role: 'follower' };
      const mine = current.seen?.spec?.holderIdentity === config.identity ? current.seen : undefined;
      if (mine === undefined) return { state: follower, effect: { type: 'wait', ms: 0 } };
      const lease = { ...mine, spec: { ...mine.spec, holderIdentity: '', leaseDurationSeconds: 1 } };
      return { state: follower, effect: { type: 'update', lease, sentAt: now } };
    }
    default:
      return input satisfies never;
  }
}

/** A leader must look again before its time is over, so that it knows when it has stopped being one. */
function untilNextTry(state: LeaseState, now: number, config: ElectionConfig): number {
  if (state.role !== 'leader') return config.retryMs;
  return Math.max(0, Math.min(config.retryMs, state.renewedAt + config.renewDeadlineMs - now));
}

function observe(state: LeaseState, lease: Lease | undefined, now: number): LeaseState {
  const same = lease?.metadata.resourceVersion === state.seen?.metadata.resourceVersion;
  const lost = lease?.spec?.holderIdentity !== state.seen?.spec?.holderIdentity && state.role === 'leader';
  return {
    ...state,
    role: lost ? 'follower' : state.role,
    seen: lease,
    seenAt: same && lease !== undefined ? state.seenAt : now,
  };
}

function decide(
  state: LeaseState,
  now: number,
  config: ElectionConfig,
): { readonly state: LeaseState; readonly effect: LeaseEffect } {
  const { seen } = state;
  const held = seen?.spec?.holderIdentity ?? '';
  if (seen !== undefined && held !== '' && held !== config.identity) {
    const theirs = (seen.spec?.leaseDurationSeconds ?? 0) * 1000 || config.leaseMs;
    if (now < state.seenAt + theirs) return { state, effect: { type: 'wait', ms: config.retryMs } };
  }
  const took = held !== config.identity;
  const spec = {
    holderIdentity: config.identity,
    leaseDurationSeconds: Math.ceil(config.leaseMs / 1000),
    acquireTime: took ? microTime(now) : (seen?.spec?.acquireTime ?? microTime(now)),
    renewTime: microTime(now),
    leaseTransitions: (seen?.spec?.leaseTransitions ?? 0) + (took && seen !== undefined ? 1 : 0),
  };
  const metadata = seen?.metadata ?? { namespace: config.namespace, name: config.name };
  const lease: Lease = { ...seen, metadata, spec };
  return { state, effect: { type: seen === undefined ? 'create' : 'update', lease, sentAt: now } };
}

/** MicroTime (meta/v1): RFC 3339 with microseconds. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
