import { readIpPool } from '@muslin/api';
import { DEFAULT_IPAM_CONFIG, inventoryOf } from '@muslin/ipam';
import { mustPrefix } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { Tally, usageText } from '../../src/garbage/tally.ts';
import { Addresses } from './world.ts';

describe('metrics of addresses', () => {
  const addresses = new Addresses().block('10.0.0.0/26', 'a').block('10.0.1.0/26', 'b');
  addresses.pod('10.0.0.0/26', 'a', 'own');
  addresses.pod('10.0.0.0/26', 'b', 'guest');
  const stored = addresses.stored();
  const pool = readIpPool({
    ...{ apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'default' } },
    spec: { cidr: '10.0.0.0/23' },
  } as never).value;
  const text = usageText({
    objects: { stored, inventory: inventoryOf(stored), pools: pool === undefined ? [] : [pool] },
    reservations: [mustPrefix('10.0.0.0/30'), mustPrefix('10.0.1.32/27')],
    ...{ config: DEFAULT_IPAM_CONFIG, graceMs: 0, pods: new Map(), nodes: new Set() },
  } as never);

  it.each([
    'ipam_allocations_in_use{ippool="default",node="a"} 1',
    'ipam_allocations_in_use{ippool="default",node="b"} 1',
    'ipam_allocations_borrowed{ippool="default",node="b"} 1',
    'ipam_blocks{ippool="default",node="a"} 1',
    'ipam_blocks{ippool="default",node="b"} 1',
    'ipam_ippool_size{ippool="default"} 512',
    'ipam_ippool_reserved{ippool="default"} 34',
    'muslin_ipam_ippool_free{ippool="default"} 476',
  ])('say %s', line => {
    expect(text.split('\n')).toContain(line);
  });

  it('say nothing of what nobody borrows', () => {
    expect(text).not.toContain('ipam_allocations_borrowed{ippool="default",node="a"}');
  });

  it('escape what would end a label', () => {
    const tally = new Tally();
    tally.add({ node: 'a"b\\c\nd' });
    expect(tally.text('x', 'gauge', 'h')).toContain('x{node="a\\"b\\\\c\\nd"} 1\n');
  });
});
