import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareIp,
  distanceBetween,
  formatIp,
  ipFromBytes,
  ipToBytes,
  mustIp,
  offsetIp,
  parseIp,
} from '../src/index.ts';

describe('parseIp', () => {
  it.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
  ])('reads %s and writes it as %s (RFC 5952)', (text, canonical) => {
    expect(formatIp(mustIp(text))).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1..2.3',
    '1.2.3.4 ',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8:9',
    'g::',
    '12345::',
    'fe80::1%eth0',
    '::1.2.3',
    '1.2.3.4::',
    ':1::',
    '1:2:3:4:5:6:7:1.2.3.4',
    '1:',
  ])('refuses %j', text => {
    expect(parseIp(text).ok).toBe(false);
  });

  it('reads back whatever it writes, both families', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), text => {
        const ip = mustIp(text);
        expect(compareIp(mustIp(formatIp(ip)), ip)).toBe(0);
        expect(ipFromBytes(ipToBytes(ip))).toEqual(ip);
      }),
    );
  });

  it('never throws on any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.%/ g') }),
        text => void parseIp(text),
      ),
    );
  });
});

describe('offsetIp', () => {
  it('is undone by the opposite offset and measured by distanceBetween', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.integer(), (text, offset) => {
        const ip = mustIp(text);
        const moved = offsetIp(ip, offset);
        expect(offsetIp(moved, -offset)).toEqual(ip);
        const distance = distanceBetween(ip, moved);
        if (distance !== undefined) expect(distance).toBe(offset);
      }),
    );
    expect(formatIp(offsetIp(mustIp('10.0.0.255'), 1))).toBe('10.0.1.0');
    expect(formatIp(offsetIp(mustIp('0.0.0.0'), -1))).toBe('255.255.255.255');
    expect(formatIp(offsetIp(mustIp('2001:db8::ffff:ffff'), 1))).toBe('2001:db8::1:0:0');
  });
});
