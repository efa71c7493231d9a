import { mustIp } from '@muslin/net';
import { expect, test } from 'vitest';
import { formatCniResult } from '../src/cni/cni-result.ts';

const result = {
  hostInterface: { name: 'msl0123', mac: 'ee:ee:ee:ee:ee:ee' },
  podInterface: { name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/run/netns/p', mtu: 1450 },
  ips: [mustIp('10.0.0.7'), mustIp('fd00::7')],
  dns: {},
};
const interfaces = (extra: object) => [
  { name: 'msl0123', mac: 'ee:ee:ee:ee:ee:ee', ...extra, sandbox: '' },
  { name: 'eth0', mac: '02:00:00:00:00:01', ...extra, sandbox: '/run/netns/p' },
];
const ips = (four: object, six: object) => [
  { ...four, interface: 1, address: '10.0.0.7/32' },
  { ...six, interface: 1, address: 'fd00::7/128' },
];

test.each(['0.1.0', '0.2.0'] as const)('version %s knows one address of each family', version => {
  const form = { cniVersion: version, ip4: { ip: '10.0.0.7/32' }, ip6: { ip: 'fd00::7/128' }, dns: {} };
  expect(formatCniResult(result, version)).toEqual(form);
  const six = formatCniResult({ ...result, ips: [mustIp('fd00::7')] }, version);
  expect(six).toEqual({ cniVersion: version, ip6: { ip: 'fd00::7/128' }, dns: {} });
});

test.each(['0.3.0', '0.3.1', '0.4.0'] as const)('version %s says the family of each address', version => {
  expect(formatCniResult(result, version)).toEqual({
    cniVersion: version,
    interfaces: interfaces({}),
    ips: ips({ version: '4' }, { version: '6' }),
    dns: {},
  });
});

test('version 1.0.0 has no family', () => {
  expect(formatCniResult(result, '1.0.0')).toEqual({
    cniVersion: '1.0.0',
    interfaces: interfaces({}),
    ips: ips({}, {}),
    dns: {},
  });
});

test('version 1.1.0 adds the MTU', () => {
  expect(formatCniResult(result, '1.1.0')).toEqual({
    cniVersion: '1.1.0',
    interfaces: interfaces({ mtu: 1450 }),
    ips: ips({}, {}),
    dns: {},
  });
});

test('its gateways are told where the default routes lead here', () => {
  const gateways = { 4: mustIp('169.254.1.1'), 6: mustIp('fe80::1') };
  expect(formatCniResult({ ...result, gateways }, '0.2.0')).toMatchObject({
    ip4: { ip: '10.0.0.7/32', gateway: '169.254.1.1' },
    ip6: { ip: 'fd00::7/128', gateway: 'fe80::1' },
  });
  expect(formatCniResult({ ...result, gateways }, '1.0.0')).toMatchObject({
    ips: [{ gateway: '169.254.1.1' }, { gateway: 'fe80::1' }],
  });
});
