import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AlarmQueue } from '../../src/bfd/alarm-queue.ts';

test('alarms come in the order of their times, and only the last one set under a name', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), id: fc.nat(9), at: fc.nat(100) }),
    fc.record({ kind: fc.constant('clear' as const), id: fc.nat(9), at: fc.constant(0) }),
    fc.record({ kind: fc.constant('take' as const), id: fc.constant(0), at: fc.nat(100) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const queue = new AlarmQueue();
      const plain = new Map<string, number>();
      for (const { kind, id, at } of steps) {
        if (kind === 'set') {
          queue.set(`${id}`, at);
          plain.set(`${id}`, at);
        } else if (kind === 'clear') {
          queue.clear(`${id}`);
          plain.delete(`${id}`);
        } else {
          const first = Math.min(...plain.values());
          const taken = queue.take(at);
          expect(taken === undefined).toBe(first > at);
          if (taken === undefined) continue;
          expect(plain.get(taken)).toBe(first);
          plain.delete(taken);
        }
        expect(queue.next()).toBe(plain.size === 0 ? undefined : Math.min(...plain.values()));
      }
    }),
  );
});
