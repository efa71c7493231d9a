import { afterAll, describe, expect, test } from 'vitest';
import { createLink, findLink, listQdiscs, netlinkIn, putBucketRequest } from '@muslin/linux';
import { must, rooms } from './sandbox.ts';
import { bytesOf } from './wire-shape.ts';

const BUCKET = { bytesPerSecond: 1_000_000, burst: 100_000, limit: 125_000 };

test('the bytes are those of `tc qdisc replace dev v0 root handle 1: tbf rate 8mbit burst 100000 latency 25ms`', () => {
  // As tc of iproute2 6.1 sends them, without its table of times and the burst in ticks, which the kernel reckons itself.
  const recorded =
    '0000000002000000' + // link
    '00000100ffffffff00000000' + // handle 1:, parent root
    '0800010074626600' + // tbf
    '34000200' +
    '280001000301 0000ffff000040420f00 000000000000000000000000 48e80100 00000000 00000000'.replaceAll(
      ' ',
      '',
    ) +
    '08000600a0860100';
  expect(
    Buffer.from(bytesOf(putBucketRequest(2, BUCKET)))
      .toString('hex')
      .slice(32),
  ).toBe(recorded);
});

describe('in the kernel', () => {
  const [[room], close] = rooms(1);
  afterAll(close);

  test.each([
    ['8 Mbit/s', BUCKET, 'rate 8Mbit burst 100000b'],
    ['40 Gbit/s', { bytesPerSecond: 5e9, burst: 50_000_000, limit: 175_000_000 }, 'rate 40Gbit burst '],
  ])('%s is what tc shows, read back as written, and replaced in its place', (_, bucket, shown) => {
    using socket = must(netlinkIn(room.namespace));
    must(createLink(socket, { kind: 'veth', name: 'v0', peer: { name: 'v1' } }));
    const { index = 0 } = must(findLink(socket, 'v0')) ?? {};
    must(socket.ask(putBucketRequest(index, { bytesPerSecond: 5000, burst: 2000, limit: 4000 })));
    must(socket.ask(putBucketRequest(index, bucket)));
    expect(room.run('tc', 'qdisc', 'show', 'dev', 'v0')).toContain(shown);
    expect(must(listQdiscs(socket)).filter(qdisc => qdisc.link === index)).toEqual([
      {
        link: index,
        kind: 'tbf',
        root: true,
        bucket: { ...bucket, burst: expect.closeTo(bucket.burst, -5) },
      },
    ]);
    room.run('ip', 'link', 'del', 'v0');
  });
});
