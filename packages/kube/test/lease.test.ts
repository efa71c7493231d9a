import { describe, expect, it } from 'vitest';
import type { Clock } from '../src/clock.ts';
import {
  type ElectionConfig,
  type KubeClient,
  LeaderElection,
  type Lease,
  leaseStep,
  microTime,
  NEW_CANDIDATE,
} from '../src/index.ts';
import { fail, ok, type Result } from '@muslin/net';
import type { KubeFault } from '../src/kube-fault.ts';

const config: ElectionConfig = {
  ...{ leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 },
  identity: 'me',
  namespace: 'muslin-system',
  name: 'controller',
};
const lease = (holder: string, version: string): Lease => ({
  metadata: { name: 'controller', namespace: 'muslin-system', resourceVersion: version },
  spec: { holderIdentity: holder, leaseDurationSeconds: 15, leaseTransitions: 3, acquireTime: microTime(0) },
});

describe('leaseStep', () => {
  it('creates the lease when there is none', () => {
    const { effect } = leaseStep(NEW_CANDIDATE, { type: 'read', now: 1_000, lease: undefined }, config);
    expect(effect).toMatchObject({
      type: 'create',
      lease: {
        spec: { holderIdentity: 'me', leaseTransitions: 0, renewTime: '1970-01-01T00:00:01.000000Z' },
      },
    });
  });
  it('waits for a full lease time after the last renewal it saw itself, whatever the other clock says', () => {
    const first = leaseStep(NEW_CANDIDATE, { type: 'read', now: 0, lease: lease('you', '1') }, config);
    expect(first.effect).toEqual({ type: 'wait', ms: 2_000 });
    const renewed = leaseStep(first.state, { type: 'read', now: 14_000, lease: lease('you', '2') }, config);
    const still = leaseStep(renewed.state, { type: 'read', now: 28_999, lease: lease('you', '2') }, config);
    expect(still.effect.type).toBe('wait');
    const free = leaseStep(still.state, { type: 'read', now: 29_000, lease: lease('you', '2') }, config);
    expect(free.effect).toMatchObject({
      type: 'update',
      lease: { metadata: { resourceVersion: '2' }, spec: { holderIdentity: 'me', leaseTransitions: 4 } },
    });
  });
  it('takes a lease that was given up at once', () => {
    expect(
      leaseStep(NEW_CANDIDATE, { type: 'read', now: 0, lease: lease('', '1') }, config).effect.type,
    ).toBe('update');
  });
  it('leads once its write is confirmed, and not when the answer came too late', () => {
    const written = { type: 'written', lease: lease('me', '5'), sentAt: 1_000 } as const;
    expect(leaseStep(NEW_CANDIDATE, { ...written, now: 1_100 }, config).state.role).toBe('leader');
    expect(leaseStep(NEW_CANDIDATE, { ...written, now: 11_000 }, config).state.role).toBe('follower');
  });
  it('steps down when it could not renew in time, before others may lead', () => {
    const led = leaseStep(
      NEW_CANDIDATE,
      { type: 'written', now: 0, sentAt: 0, lease: lease('me', '5') },
      config,
    ).state;
    const late = leaseStep(led, { type: 'failed', now: 9_500 }, config);
    expect(late.state.role).toBe('leader');
    expect(late.effect).toEqual({ type: 'wait', ms: 500 });
    expect(leaseStep(late.state, { type: 'tick', now: 10_000 }, config).state.role).toBe('follower');
  });
  it('steps down when somebody else holds the lease', () => {
    const led = leaseStep(
      NEW_CANDIDATE,
      { type: 'written', now: 0, sentAt: 0, lease: lease('me', '5') },
      config,
    ).state;
    expect(leaseStep(led, { type: 'read', now: 1, lease: lease('you', '6') }, config).state.role).toBe(
      'follower',
    );
  });
  it('gives up only its own lease when it resigns', () => {
    const led = leaseStep(
      NEW_CANDIDATE,
      { type: 'written', now: 0, sentAt: 0, lease: lease('me', '5') },
      config,
    ).state;
    expect(leaseStep(led, { type: 'resign', now: 1 }, config).effect).toMatchObject({
      type: 'update',
      lease: { spec: { holderIdentity: '' } },
    });
    const follower = leaseStep(
      NEW_CANDIDATE,
      { type: 'read', now: 0, lease: lease('you', '5') },
      config,
    ).state;
    expect(leaseStep(follower, { type: 'resign', now: 1 }, config).effect.type).toBe('wait');
  });
});

describe('LeaderElection', () => {
  /** One lease in memory and one virtual clock; calls can be made to fail. */
  class World {
    now = 0;
    stored: Lease | undefined;
    version = 0;
    readonly down = new Set<string>();
    readonly sleepers: { readonly at: number; readonly wake: () => void }[] = [];
    readonly clock: Clock = {
      now: () => this.now,
      sleep: (ms, signal) =>
        new Promise(resolve => {
          this.sleepers.push({ at: this.now + ms, wake: resolve });
          signal?.addEventListener('abort', () => resolve());
        }),
    };
    client(who: string): Pick<KubeClient, 'get' | 'create' | 'update'> {
      const call = async (body: () => Result<unknown, string>): Promise<Result<never, KubeFault>> => {
        const answer = this.down.has(who) ? fail('Unreachable') : body();
        if (answer.ok) return ok(answer.value as never);
        return fail({ code: answer.fault as 'Conflict', message: answer.fault, request: 'x' });
      };
      const store = (object: unknown, expected: string | undefined) => {
        const given = object as Lease;
        if (this.stored?.metadata.resourceVersion !== expected) return fail('Conflict');
        this.stored = { ...given, metadata: { ...given.metadata, resourceVersion: String(++this.version) } };
        return ok(this.stored);
      };
      return {
        get: () => call(() => (this.stored === undefined ? fail('NotFound') : ok(this.stored))),
        create: (_, object) => call(() => store(object, undefined)),
        update: (_, object) => call(() => store(object, object.metadata.resourceVersion)),
      };
    }
    async run(ms: number): Promise<void> {
      const end = this.now + ms;
      for (;;) {
        await new Promise(resolve => setImmediate(resolve));
        const next = this.sleepers.sort((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > end) break;
        this.sleepers.shift();
        this.now = Math.max(this.now, next.at);
        next.wake();
      }
      this.now = end;
    }
  }

  it('always has at most one leader, and a new one soon after the old one is cut off or resigns', async () => {
    const world = new World();
    const roles = new Map<string, string>();
    const elections = ['a', 'b', 'c'].map(identity => {
      const election = new LeaderElection(
        world.client(identity),
        { ...config, identity },
        { clock: world.clock, onRole: role => roles.set(identity, role) },
      );
      election.start();
      return election;
    });
    const leaders = () => [...roles].filter(([, role]) => role === 'leader').map(([who]) => who);
    await world.run(5_000);
    const [first = ''] = leaders();
    expect(leaders().length).toBe(1);
    world.down.add(first);
    for (let i = 0; i < 40; i++) {
      await world.run(1_000);
      expect(leaders().length).toBeLessThanOrEqual(1);
    }
    expect(leaders().length).toBe(1);
    expect(leaders()).not.toEqual([first]);
    world.down.clear();
    const second = leaders()[0] as string;
    await elections['abc'.indexOf(second)]?.stop();
    await world.run(3_000);
    expect(leaders().length).toBe(1);
    expect(leaders()).not.toEqual([second]);
    for (const election of elections) await election.stop();
    expect(world.stored?.spec?.holderIdentity).toBe('');
  });
});
