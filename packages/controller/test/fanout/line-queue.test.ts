import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineQueue } from '../../src/fanout/line-queue.ts';

describe('lines on their way', () => {
  it('come out whole, in order and once, in pieces of the size that was asked for', () => {
    const line = fc.string({ minLength: 1, maxLength: 30 }).map(text => Buffer.from(`${text}\n`));
    const step = fc.oneof(
      fc.array(line, { maxLength: 8 }).map(put => ({ put })),
      fc.integer({ min: 1, max: 60 }).map(take => ({ take })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const queue = new LineQueue();
        const put: Uint8Array[] = [];
        const taken: Uint8Array[] = [];
        const take = (bytes: number) => {
          const piece = queue.take(bytes);
          if (piece !== undefined) taken.push(piece);
          return piece;
        };
        for (const each of steps)
          if ('put' in each) {
            queue.put(each.put);
            put.push(...each.put);
          } else {
            const piece = take(each.take);
            const longest = Math.max(0, ...put.map(one => one.length));
            expect(piece?.length ?? 0).toBeLessThanOrEqual(Math.max(each.take, longest));
          }
        while (take(16) !== undefined);
        expect(queue.empty).toBe(true);
        expect(Buffer.concat(taken)).toEqual(Buffer.concat(put));
      }),
    );
  });
});
