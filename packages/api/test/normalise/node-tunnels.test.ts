import { mustIp } from '@muslin/net';
import { expect, test } from 'vitest';
import { readNode, TUNNEL_ANNOTATIONS } from '../../src/index.ts';

const KEY = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=';
const read = (annotations: Partial<Record<keyof typeof TUNNEL_ANNOTATIONS, string>>) => {
  const named = Object.entries(annotations).map(([name, value]) => [
    TUNNEL_ANNOTATIONS[name as keyof typeof TUNNEL_ANNOTATIONS],
    value,
  ]);
  return readNode({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1', annotations: Object.fromEntries(named) },
  });
};

test('the ends of a node’s tunnels are where Calico writes them', () => {
  const { value } = read({
    vxlan4: '10.0.0.1',
    vxlanMac4: '66:00:00:00:00:01',
    vxlan6: 'fd00::1',
    vxlanMac6: '66:00:00:00:00:02',
    ipip: '10.0.0.2',
    wireguardKey4: KEY,
    wireguard4: '10.0.0.3',
  }) as never as { value: { tunnels: unknown } };
  expect(value.tunnels).toEqual({
    vxlan4: { ip: mustIp('10.0.0.1'), mac: '66:00:00:00:00:01' },
    vxlan6: { ip: mustIp('fd00::1'), mac: '66:00:00:00:00:02' },
    ipip: mustIp('10.0.0.2'),
    wireguard4: { publicKey: KEY, ip: mustIp('10.0.0.3') },
  });
});

test('what can’t be read is reported and ignored, and an end without a MAC is none', () => {
  const read1 = read({
    vxlan4: 'fd00::1',
    vxlanMac4: '66:00:00:00:00:01',
    wireguardKey4: 'short',
    ipip: '10.0.0.2',
  });
  expect(JSON.stringify(read1)).toContain('must be an IPv4 address');
  expect(JSON.stringify(read1)).toContain('must be a WireGuard key');
  expect((read1 as never as { value: { tunnels: unknown } }).value.tunnels).toEqual({
    ipip: mustIp('10.0.0.2'),
  });
  expect((read({ vxlan4: '10.0.0.1' }) as never as { value: object }).value).not.toHaveProperty('tunnels');
});
