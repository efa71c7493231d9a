import { mustIp } from '@muslin/net';
import { expect, it } from 'vitest';
import { GATEWAY } from '../src/pod/gateway.ts';

it('the IPv6 gateway of pods follows from its MAC (EUI-64: flip bit 7, put ff:fe in the middle)', () => {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = GATEWAY.mac
    .split(':')
    .map(byte => Number.parseInt(byte, 16));
  const group = (x: number, y: number) => ((x << 8) | y).toString(16);
  expect(GATEWAY[6]).toEqual(
    mustIp(`fe80::${group(a ^ 2, b)}:${group(c, 0xff)}:${group(0xfe, d)}:${group(e, f)}`),
  );
});
