import { TUNNEL_DEFAULTS } from '@muslin/dataplane';
import { emptyBlock, blockToSpec } from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';
import { formatPrefix, mustPrefix } from '@muslin/net';
import { expect, test } from 'vitest';
import { felixFor } from '../src/felix-spec.ts';
import { nodePrefixes } from '../src/tunnel/node-prefixes.ts';
import { tunnelSettings } from '../src/tunnel/tunnel-settings.ts';

const felix = (name: string, spec: object) => ({ metadata: { name }, spec }) as unknown as AnyObject;

test('a node’s own FelixConfiguration wins over default, and what makes no sense is as if it were not there', () => {
  expect(tunnelSettings(felixFor([], 'n1', undefined))).toEqual(TUNNEL_DEFAULTS);
  const configurations = [
    felix('default', { vxlanVNI: 5, vxlanPort: 8472, vxlanEnabled: true, vxlanMTU: 1400, ipipMTU: 0 }),
    felix('node.n1', { vxlanVNI: 6, vxlanPort: 70_000, wireguardEnabled: true, wireguardListeningPort: 7 }),
    felix('node.n2', { vxlanEnabled: false }),
  ];
  expect(tunnelSettings(felixFor(configurations, 'n1', undefined))).toMatchObject({
    ...{ vni: 6, vxlanPort: 4789, vxlan: true, ipip: undefined, mtu: { vxlan4: 1400 } },
    wireguard: { enabled: { 4: true, 6: false }, port: { 4: 7, 6: 51_821 } },
  });
  expect(tunnelSettings(felixFor(configurations, 'n2', undefined)).vxlan).toBe(false);
});

test('a node has its blocks, and the addresses that it borrowed from others’', () => {
  const cidr = mustPrefix('10.0.1.0/30');
  const block = emptyBlock(cidr, { type: 'host', name: 'n1' }, 0);
  const holder = (handleId: string | undefined, node: string) => ({ handleId, secondary: { node } });
  const attributes = [holder('a', 'n1'), holder('b', 'n2'), holder(undefined, 'n3')];
  const used = { ...block, allocations: [0, 1, 2, null], unallocated: [3], attributes };
  const object = (spec: object) => ({ metadata: { name: 'x' }, spec }) as unknown as AnyObject;
  const found = nodePrefixes([
    object(blockToSpec(used)),
    object({
      ...blockToSpec(emptyBlock(mustPrefix('10.0.2.0/30'), { type: 'host', name: 'n2' }, 0)),
      deleted: true,
    }),
    object({ cidr: 'nonsense' }),
  ]);
  expect(found.map(({ prefix, node }) => `${formatPrefix(prefix)} ${node}`)).toEqual([
    '10.0.1.0/30 n1',
    '10.0.1.1/32 n2',
  ]);
});
