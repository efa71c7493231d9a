import { describe, expect, it, vi } from 'vitest';
import { WorkQueue } from '../src/work-queue.ts';

/** Lets everything that is due happen. */
const turn = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)));

function queueOf(work: (name: string) => Promise<string | undefined>, active = () => true) {
  const faults: { key: string; message: string; waitMs: number }[] = [];
  const queue = new WorkQueue({
    work: { pool: work },
    active,
    onFault: (key, message, waitMs) => faults.push({ key, message, waitMs }),
  });
  return { queue, faults };
}

describe('the work queue', () => {
  it('does a key once that was added often while it waited', async () => {
    const done: string[] = [];
    const { queue } = queueOf(async name => void done.push(name));
    for (const name of ['a', 'b', 'a', 'a']) queue.add('pool', name);
    await turn();
    expect(done).toEqual(['a', 'b']);
  });

  it('does a key again that was added while it ran, and never twice at the same time', async () => {
    const starts: (() => void)[] = [];
    let running = 0;
    let most = 0;
    const { queue } = queueOf(async () => {
      most = Math.max(most, ++running);
      await new Promise<void>(resolve => starts.push(resolve));
      running--;
      return undefined;
    });
    queue.add('pool', 'a');
    await turn();
    queue.add('pool', 'a');
    queue.add('pool', 'a');
    await turn();
    expect(starts).toHaveLength(1);
    starts[0]?.();
    await turn();
    expect(starts).toHaveLength(2);
    starts[1]?.();
    await turn();
    expect(starts).toHaveLength(2);
    expect(most).toBe(1);
  });

  it('tries again what failed or threw, later each time, and then forgets the failures', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const answers = ['first', new Error('a bug'), 'third', undefined, 'after success'];
      const { queue, faults } = queueOf(async () => {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer;
      });
      queue.add('pool', 'a');
      await turn();
      for (let i = 0; i < 3; i++) {
        await vi.advanceTimersByTimeAsync(faults.at(-1)?.waitMs ?? 0);
        await turn();
      }
      expect(faults.map(fault => fault.message.split('\n')[0])).toEqual(['first', 'Error: a bug', 'third']);
      const [one, , three] = faults.map(fault => fault.waitMs);
      expect(three).toBeGreaterThan(one ?? 0);
      expect(answers).toEqual(['after success']);
      queue.add('pool', 'a');
      await turn();
      // A first failure again: the wait is short again.
      expect(faults.at(-1)?.message).toBe('after success');
      expect(faults.at(-1)?.waitMs).toBeLessThan(three ?? 0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('drops what waits while it is not active: whoever becomes leader adds everything', async () => {
    let leader = false;
    const done: string[] = [];
    const { queue } = queueOf(
      async name => void done.push(name),
      () => leader,
    );
    queue.add('pool', 'a');
    await turn();
    leader = true;
    queue.add('pool', 'b');
    await turn();
    expect(done).toEqual(['b']);
  });

  it('keeps names with slashes whole', async () => {
    const done: string[] = [];
    const { queue } = queueOf(async name => void done.push(name));
    queue.add('pool', 'ns/name');
    await turn();
    expect(done).toEqual(['ns/name']);
  });
});
