import type { DriverFault, Plan } from '@muslin/dataplane';
import { fail, ok, type Result } from '@muslin/net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Desired } from '../src/core/agent-core.ts';
import { Enforcer, type Round } from '../src/kernel/enforcer.ts';
import type { Actual } from '../src/kernel/actual.ts';
import { coreOf, gone, NAMESPACE, object, podObject } from './cluster-facts.ts';

const LOST: DriverFault = { code: 'lost', message: 'gone fishing' };
/** Of nftables or a route: done when it is done. */
const STEP = { kind: 'route', action: 'add', route: {} } as unknown as Plan[number];

/** Of sets that rules may hold on to for a moment. */
const LINGERING = { kind: 'ipset', phase: 'after-rules' } as unknown as Plan[number];

/** A kernel that holds one state, writes down what is done to it, and fails when told to. */
class FakeKernel {
  readonly log: string[] = [];
  holds: ReadonlySet<string> = new Set();
  faults: ('read' | 'apply')[] = [];
  step = STEP;
  /** Runs in the middle of the next `apply`. */
  meanwhile: (() => void) | undefined;

  async read(): Promise<Result<Actual, DriverFault>> {
    this.log.push('read');
    await Promise.resolve();
    return this.#fails('read') ? fail(LOST) : ok(this.#actual());
  }

  async members(): Promise<boolean> {
    this.log.push('members');
    return true;
  }

  plan(desired: Desired, actual: Actual): Plan {
    const known = (actual as unknown as { holds: ReadonlySet<string> }).holds;
    const wanted = pods(desired);
    const same = wanted.size === known.size && [...wanted].every(pod => known.has(pod));
    return same ? [] : [this.step];
  }

  async apply(plan: Plan, desired: Desired, actual: Actual): Promise<Result<Actual, DriverFault>> {
    this.log.push(`apply ${[...pods(desired)].join(',')}`);
    this.meanwhile?.();
    this.meanwhile = undefined;
    await new Promise(resolve => setImmediate(resolve));
    if (this.#fails('apply')) return fail(LOST);
    if (plan.length > 0) this.holds = pods(desired);
    return ok(plan.length === 0 ? actual : this.#actual());
  }

  #actual(): Actual {
    return { unrouted: new Map(), holds: new Set(this.holds) } as unknown as Actual;
  }

  #fails(where: 'read' | 'apply'): boolean {
    if (this.faults[0] !== where) return false;
    this.faults.shift();
    return true;
  }
}

const pods = (desired: Desired) =>
  new Set([...desired.state.endpoints.keys()].map(key => key.slice('pod/shop/'.length)));
const pod = (name: string) => podObject(name, name, ['10.0.0.1']);

function setUp() {
  const core = coreOf([object(NAMESPACE)]);
  const kernel = new FakeKernel();
  const rounds: Round[] = [];
  const faults: number[] = [];
  let taken = 0;
  const enforcer = new Enforcer({
    core,
    kernel,
    refreshMs: 10_000,
    onTaken: () => taken++,
    onRound: round => rounds.push(round),
    onFault: (_, waitMs) => faults.push(waitMs),
  });
  running.push(enforcer);
  return { core, kernel, rounds, faults, enforcer, taken: () => taken };
}

const running: Enforcer[] = [];
const settled = () => vi.advanceTimersByTimeAsync(0);
beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'performance'],
  });
});
afterEach(async () => {
  for (const enforcer of running.splice(0)) void enforcer.stop();
  vi.useRealTimers();
});

describe('before it is started', () => {
  test('nothing is touched, and who waits goes on waiting', async () => {
    const { core, kernel, enforcer } = setUp();
    core.tell(object(pod('a')));
    let done = false;
    void enforcer.enforce().then(() => (done = true));
    enforcer.poke();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(kernel.log).toEqual([]);
    expect(done).toBe(false);
    enforcer.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(done).toBe(true);
    expect(kernel.log).toEqual(['read', 'apply a']);
  });
});

describe('a round', () => {
  test('has everything that was told before it began, from all who asked in the same moment', async () => {
    const { core, kernel, rounds, enforcer } = setUp();
    enforcer.start();
    core.tell(object(pod('a')));
    const first = enforcer.enforce();
    core.tell(object(pod('b')));
    const second = enforcer.enforce();
    await vi.advanceTimersByTimeAsync(10);
    await Promise.all([first, second]);
    expect(kernel.log).toEqual(['read', 'apply a,b']);
    expect(rounds.map(round => round.steps)).toEqual([1]);
    expect([...kernel.holds]).toEqual(['a', 'b']);
  });

  test('does not answer for what was told while it ran: the next one does', async () => {
    const { core, kernel, enforcer, taken } = setUp();
    enforcer.start();
    await vi.advanceTimersByTimeAsync(10);
    const order: string[] = [];
    core.tell(object(pod('a')));
    kernel.meanwhile = () => {
      core.tell(object(pod('b')));
      void enforcer.enforce().then(() => order.push(`second: ${[...kernel.holds]}`));
    };
    void enforcer.enforce().then(() => order.push(`first: ${[...kernel.holds]}`));
    await vi.advanceTimersByTimeAsync(10);
    expect(order).toEqual(['first: a', 'second: a,b']);
    expect(kernel.log).toEqual(['read', 'apply ', 'apply a', 'apply a,b']);
    expect(taken()).toBe(3);
  });

  test('that has nothing to do still answers', async () => {
    const { enforcer, rounds } = setUp();
    enforcer.start();
    await vi.advanceTimersByTimeAsync(10);
    const waiting = enforcer.enforce();
    await vi.advanceTimersByTimeAsync(10);
    await waiting;
    expect(rounds.map(round => round.steps)).toEqual([0, 0]);
  });

  test.each([
    { by: 'one transaction', step: STEP, looks: 0 },
    { by: 'steps that may leave something behind', step: LINGERING, looks: 1 },
  ])('asks the kernel $looks times more after $by', async ({ step, looks }) => {
    const { core, kernel, enforcer } = setUp();
    kernel.step = step;
    core.tell(object(pod('a')));
    enforcer.start();
    await vi.advanceTimersByTimeAsync(10);
    const before = kernel.log.length;
    for (let i = 0; i < 3; i++) {
      const waiting = enforcer.enforce();
      await vi.advanceTimersByTimeAsync(10);
      await waiting;
    }
    expect(kernel.log.slice(before)).toHaveLength(looks);
  });
});

describe('what nobody waits for', () => {
  const started = async () => {
    const all = setUp();
    all.enforcer.start();
    await vi.advanceTimersByTimeAsync(10);
    const done: string[] = [];
    const leave = (name: string) => {
      all.core.tell(object(pod(name)));
      void all.enforcer.enforceInPassing().then(() => done.push(name));
    };
    return { ...all, done, leave };
  };

  test('goes in one round when all is calm', async () => {
    const { kernel, done, leave } = await started();
    for (const name of ['a', 'b', 'c']) {
      leave(name);
      await vi.advanceTimersByTimeAsync(20);
    }
    expect([kernel.log, done]).toEqual([['read', 'apply '], []]);
    await vi.advanceTimersByTimeAsync(10);
    expect([kernel.log, done]).toEqual([
      ['read', 'apply ', 'apply a,b,c'],
      ['a', 'b', 'c'],
    ]);
  });

  test('goes after a tenth of a second where it is never calm', async () => {
    const { kernel, leave } = await started();
    for (let i = 0; i < 12; i++) {
      leave(`p${i}`);
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(kernel.log).toHaveLength(3);
  });

  test('goes with the next round of somebody who waits, and has none of its own then', async () => {
    const { core, kernel, enforcer, done, leave } = await started();
    leave('a');
    core.tell(object(pod('b')));
    void enforcer.enforce();
    await vi.advanceTimersByTimeAsync(5);
    expect([kernel.log.slice(2), done]).toEqual([['apply a,b'], ['a']]);
    await vi.advanceTimersByTimeAsync(200);
    expect(kernel.log).toHaveLength(3);
  });

  test('is not answered by a round that had begun before', async () => {
    const { core, kernel, enforcer, done, leave } = await started();
    core.tell(object(pod('a')));
    kernel.meanwhile = () => leave('b');
    void enforcer.enforce();
    await vi.advanceTimersByTimeAsync(5);
    expect([kernel.log.slice(2), done]).toEqual([['apply a'], []]);
    await vi.advanceTimersByTimeAsync(30);
    expect([kernel.log.slice(3), done]).toEqual([['apply a,b'], ['b']]);
  });

  test('is tried again when its round fails', async () => {
    const { kernel, faults, done, leave } = await started();
    kernel.faults = ['apply', 'apply'];
    leave('a');
    await vi.advanceTimersByTimeAsync(80);
    expect([faults, done]).toEqual([[50], []]);
    await vi.advanceTimersByTimeAsync(400);
    expect([faults, done]).toEqual([[50, 100], ['a']]);
  });
});

describe('a fault', () => {
  test('makes it read the kernel back and try again, ever more slowly, until it holds', async () => {
    const { core, kernel, faults, enforcer } = setUp();
    kernel.faults = ['apply', 'read', 'apply'];
    core.tell(object(pod('a')));
    enforcer.start();
    let done = false;
    void enforcer.enforce().then(() => (done = true));
    await vi.advanceTimersByTimeAsync(40);
    expect([done, faults]).toEqual([false, [50]]);
    await vi.advanceTimersByTimeAsync(130);
    expect([done, faults]).toEqual([false, [50, 100, 200]]);
    await vi.advanceTimersByTimeAsync(300);
    expect(done).toBe(true);
    expect(kernel.log).toEqual(['read', 'apply a', 'read', 'read', 'apply a', 'read', 'apply a']);
    // Success forgets the wait.
    kernel.faults = ['apply'];
    core.tell(gone(pod('a')));
    enforcer.poke();
    await vi.advanceTimersByTimeAsync(20);
    expect(faults).toEqual([50, 100, 200, 50]);
  });

  test('for a minute waits five seconds at most', async () => {
    const { kernel, faults, enforcer } = setUp();
    kernel.faults = new Array(100).fill('read');
    enforcer.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Math.max(...faults)).toBe(5_000);
  });
});

describe('foreign changes', () => {
  test('are found at the next look and put right', async () => {
    const { core, kernel, enforcer } = setUp();
    core.tell(object(pod('a')));
    enforcer.start();
    await vi.advanceTimersByTimeAsync(10);
    kernel.holds = new Set(['evil']);
    await vi.advanceTimersByTimeAsync(9_900);
    expect([...kernel.holds]).toEqual(['evil']);
    await vi.advanceTimersByTimeAsync(200);
    expect([...kernel.holds]).toEqual(['a']);
  });

  test('a look that falls into a round is not forgotten', async () => {
    const { core, kernel, enforcer } = setUp();
    enforcer.start();
    await vi.advanceTimersByTimeAsync(9_999);
    core.tell(object(pod('a')));
    kernel.meanwhile = () => {
      vi.advanceTimersByTime(5);
      kernel.holds = new Set();
    };
    enforcer.poke();
    await vi.advanceTimersByTimeAsync(50);
    expect(kernel.log).toEqual(['read', 'apply ', 'apply a', 'read', 'apply a']);
  });

  test('an audit says what was missing, and has it put back', async () => {
    const { core, kernel, enforcer } = setUp();
    core.tell(object(pod('a')));
    enforcer.start();
    await vi.advanceTimersByTimeAsync(10);
    const clean = enforcer.audit();
    await vi.advanceTimersByTimeAsync(10);
    expect(await clean).toEqual(ok([]));
    kernel.holds = new Set();
    const dirty = enforcer.audit();
    await vi.advanceTimersByTimeAsync(10);
    expect(await dirty).toEqual(ok([STEP]));
    expect([...kernel.holds]).toEqual(['a']);
  });

  test('an audit does not take what is new for something missing', async () => {
    const { core, enforcer } = setUp();
    enforcer.start();
    await vi.advanceTimersByTimeAsync(10);
    core.tell(object(pod('a')));
    const audit = enforcer.audit();
    await vi.advanceTimersByTimeAsync(10);
    expect(await audit).toEqual(ok([]));
  });
});

test('stopping waits for the round under way and begins no other', async () => {
  const { core, kernel, enforcer } = setUp();
  enforcer.start();
  await vi.advanceTimersByTimeAsync(10);
  core.tell(object(pod('a')));
  enforcer.poke();
  await settled();
  let stopped = false;
  void enforcer.stop().then(() => (stopped = true));
  await vi.advanceTimersByTimeAsync(10);
  expect(stopped).toBe(true);
  const { length } = kernel.log;
  enforcer.poke();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(kernel.log).toHaveLength(length);
});
