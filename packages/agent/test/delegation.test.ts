import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { relative } from 'node:path';
import { formatIp, mustPrefix } from '@muslin/net';
import { parseSubnetEnv } from '../src/ipam/subnet-env.ts';
import { describe, expect, it } from 'vitest';
import { readIpam } from '../src/cni/ipam-choice.ts';
import { addressesIn, type Delegation, pluginOf, withOwnRanges } from '../src/ipam/delegation.ts';

describe('ipam of a configuration', () => {
  it.each([
    [undefined],
    [{}],
    [{ type: 'muslin-ipam' }],
    [{ type: 'calico-ipam', assign_ipv4: 'true' }],
    [{ type: '', ipv6_pools: [] }],
  ])('%j means the cluster’s pools', ipam => {
    expect(readIpam(ipam, true)).toEqual({ ok: true, value: { kind: 'ours', pools: {}, without: [] } });
  });
  it('may name pools and leave out a family, as Calico’s does', () => {
    const ipam = { type: 'calico-ipam', ipv4_pools: ['a'], ipv6_pools: ['fd00::/64'], assign_ipv6: 'false' };
    expect(readIpam(ipam, true)).toEqual({
      ok: true,
      value: { kind: 'ours', pools: { 4: ['a'], 6: ['fd00::/64'] }, without: [6] },
    });
  });
  it('of type dhcp is refused to those who add, and nothing to those who take away', () => {
    expect(readIpam({ type: 'dhcp' }, true)).toMatchObject({ ok: false, fault: { code: 7 } });
    expect(readIpam({ type: 'dhcp' }, false)).toMatchObject({ ok: true, value: { kind: 'ours' } });
  });
  it('of another type is passed on by that name', () => {
    expect(readIpam({ type: 'host-local' }, true)).toEqual({
      ok: true,
      value: { kind: 'delegated', type: 'host-local' },
    });
  });
});

describe('a delegated range', () => {
  const delegation = (ipam: object): Delegation => ({
    ...{ type: 'host-local', path: '/opt/cni/bin', containerId: 'c', netns: '/n', ifname: 'eth0', args: '' },
    config: { name: 'net', ipam },
  });
  const cidrs = ['10.1.0.0/24', '10.2.0.0/24', 'fd01::/64'].map(mustPrefix);
  const filled = (ipam: object, of = cidrs) => {
    const done = withOwnRanges(delegation(ipam), { node: of, flannel: [mustPrefix('10.244.3.0/24')] });
    return done.ok ? done.value.config['ipam'] : done.fault;
  };
  it('is the node’s first podCIDR of the family where it says so, and else as it was written', () => {
    expect(filled({ type: 'host-local', subnet: 'usePodCidr' })).toEqual({
      type: 'host-local',
      subnet: '10.1.0.0/24',
    });
    const ranges = [[{ subnet: 'usePodCidr', gateway: '10.1.0.1' }], [{ subnet: 'usePodCidrIPv6' }]];
    expect(filled({ ranges })).toEqual({
      ranges: [[{ subnet: '10.1.0.0/24', gateway: '10.1.0.1' }], [{ subnet: 'fd01::/64' }]],
    });
    const written = { subnet: '192.0.2.0/24', ranges: 'x', routes: [{ dst: '0.0.0.0/0' }] };
    expect(filled(written)).toEqual(written);
  });
  it('is a fault that names the family which the Node has none of', () => {
    expect(filled({ ranges: [[{ subnet: 'usePodCidrIPv6' }]] }, cidrs.slice(0, 2))).toEqual({
      ...{ of: 'node', family: 6 },
    });
    expect(filled({ subnet: 'useFlannelSubnetIPv6' })).toEqual({ of: 'flannel', family: 6 });
    expect(filled({ subnet: 'useFlannelSubnet' })).toEqual({ subnet: '10.244.3.0/24' });
  });
});

describe('the plugin of a delegation', () => {
  it('is the first file of its name in absolute folders of CNI_PATH', () => {
    const folder = mkdtempSync(`${tmpdir()}/msl-delegate-`);
    mkdirSync(`${folder}/a/host-local`, { recursive: true });
    mkdirSync(`${folder}/b`);
    writeFileSync(`${folder}/b/host-local`, '');
    const found = (path: string) => pluginOf({ path, type: 'host-local' } as Delegation);
    expect(found(`${folder}/none:${folder}/a:${folder}/b`)).toBe(`${folder}/b/host-local`);
    const near = relative(process.cwd(), `${folder}/b`);
    for (const path of ['', near, `${folder}/a`]) expect(found(path)).toBeUndefined();
    rmSync(folder, { recursive: true });
  });
});

describe('addresses of a delegated result', () => {
  it.each([
    [{ ips: [{ address: '10.0.0.1/24' }, { address: 'fd00::1/64', version: '6' }] }, ['10.0.0.1', 'fd00::1']],
    [{ ip4: { ip: '10.0.0.1/24' }, ip6: { ip: 'fd00::1/64' } }, ['10.0.0.1', 'fd00::1']],
    [{ ips: [] }, undefined],
    [{ ips: [{ address: 'nonsense' }] }, undefined],
    [{}, undefined],
  ])('%j are %j', (result, ips) => {
    expect(addressesIn(result)?.map(formatIp)).toEqual(ips);
  });
});

describe('what flannel tells of a node', () => {
  it('is its subnets and its MTU, as flannel writes them', () => {
    const text = [
      'FLANNEL_NETWORK=10.244.0.0/16',
      'FLANNEL_SUBNET=10.244.3.1/24',
      'FLANNEL_IPV6_NETWORK=fd42::/48',
      'FLANNEL_IPV6_SUBNET=fd42:0:0:3::1/64',
      'FLANNEL_MTU=1450',
      'FLANNEL_IPMASQ=true',
      '',
    ].join('\n');
    expect(parseSubnetEnv(text)).toEqual({
      subnets: { 4: mustPrefix('10.244.3.0/24'), 6: mustPrefix('fd42:0:0:3::/64') },
      mtu: 1450,
    });
  });
  it.each(['', 'FLANNEL_SUBNET=\nFLANNEL_MTU=', 'FLANNEL_SUBNET=fd00::/64', 'FLANNEL_MTU=-1', '\0'])(
    'is nothing where %j makes no sense',
    text => {
      expect(parseSubnetEnv(text)).toEqual({ subnets: {}, mtu: undefined });
    },
  );
});
