import { formatPrefix } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { emptyBlocks } from '../../src/garbage/empty-blocks.ts';
import { Addresses, MINUTE, NOW, pool } from './world.ts';

const nodes = new Set(['a', 'b']);
const pools = [pool];

function twice(addresses: Addresses, given = pools, apart = 5 * MINUTE, between: () => void = () => {}) {
  const look = (now: number, seen: ReadonlyMap<string, number>) =>
    emptyBlocks(addresses.objects().inventory, given, nodes, seen, { now, cooldownMs: 0 });
  const first = look(NOW, new Map());
  expect(first.release).toEqual([]);
  between();
  return look(NOW + apart, first.seen).release.map(
    ({ cidr, owner }) => `${formatPrefix(cidr)} ${owner.name}`,
  );
}

const three = () =>
  new Addresses().block('10.0.0.0/26', 'a').block('10.0.0.64/26', 'a').block('10.0.0.128/26', 'a');

describe('empty blocks', () => {
  it('go back after two observations, but for one of each node', () => {
    expect(twice(three())).toEqual(['10.0.0.64/26 a', '10.0.0.128/26 a']);
  });

  it('all go back where another block of the node is in use', () => {
    const addresses = three();
    addresses.pod('10.0.0.128/26', 'a', 'p');
    expect(twice(addresses)).toEqual(['10.0.0.0/26 a', '10.0.0.64/26 a']);
  });

  it('stay when they were used between the observations, or these are one and the same', () => {
    const addresses = three();
    expect(twice(addresses, pools, 5 * MINUTE, () => void addresses.pod('10.0.0.64/26', 'a', 'p'))).toEqual([
      '10.0.0.128/26 a',
    ]);
    expect(twice(three(), pools, 1_000)).toEqual([]);
  });

  it('of nodes that are gone are not theirs to give: the loss of a node gives back all of it', () => {
    expect(twice(new Addresses().block('10.0.0.0/26', 'gone').block('10.0.0.64/26', 'gone'))).toEqual([]);
  });

  it('of a disabled pool all go back', () => {
    expect(twice(three(), [{ ...pool, disabled: true }]).length).toBe(3);
  });
});
