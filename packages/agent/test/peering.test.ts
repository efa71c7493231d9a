import { DEFAULT_BGP_CONFIGURATION, readBgpPeer } from '@muslin/api';
import { formatIp, mustIp } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { peeringAddresses } from '../src/core/peering-addresses.ts';
import { coreOf, here, local, NAMESPACE, object, podObject } from './cluster-facts.ts';

const NODE = {
  ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } },
  status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
};
const settings = { ...DEFAULT_BGP_CONFIGURATION, localWorkloadPeeringIpV4: mustIp('169.254.0.179') };

function peers(localWorkloadSelector: string) {
  const spec = { localWorkloadSelector, asNumber: 65_401 };
  const read = readBgpPeer({
    ...{ apiVersion: 'projectcalico.org/v3', kind: 'BGPPeer', metadata: { name: 'nested' }, spec },
  });
  if (read.value === undefined) throw new Error('unreadable');
  return new Map([['nested', read.value]]);
}

const core = coreOf(
  [
    ...[NODE, NAMESPACE, podObject('web', 'w', ['10.0.0.5']), podObject('api', 'a', ['10.0.0.6'])].map(
      object,
    ),
    ...[here(local('web', 'w', ['10.0.0.5', 'fd00::5'])), here(local('api', 'a', ['10.0.0.6']))],
    { type: 'links', links: [{ name: 'eth0', ips: [mustIp('192.0.2.1')] }] },
  ],
  [4, 6],
);
const answered = (selector: string, also: Partial<typeof settings> = {}) =>
  peeringAddresses({
    ...{ node: 'n1', snapshot: core.snapshot, locals: core.locals },
    ...{ peers: peers(selector), settings: { ...settings, ...also } },
  }).map(({ interfaceName, ip }) => `${interfaceName} ${formatIp(ip)}`);

describe('a pod of this node that a BGPPeer selects', () => {
  test('finds its node at the peering address, in each family that it has', () => {
    expect(answered("app == 'web'")).toEqual(['msl-web 169.254.0.179']);
    expect(answered("pcns.team == 'shop'", { localWorkloadPeeringIpV6: mustIp('fd12::179') })).toEqual([
      'msl-web 169.254.0.179',
      'msl-web fd12::179',
      'msl-api 169.254.0.179',
    ]);
    expect(answered("app == 'other'")).toEqual([]);
    expect(answered('all()', { localWorkloadPeeringIpV4: undefined } as never)).toEqual([]);
  });

  test('hears its node from the node’s own address as before', () => {
    const sources = () =>
      core
        .desired()
        .routes.filter(({ kind }) => kind === 'unicast')
        .map(({ interfaceName, source }) => `${interfaceName} ${source && formatIp(source)}`);
    expect(new Set(sources())).toEqual(new Set(['msl-web undefined', 'msl-api undefined']));
    core.tell({ type: 'peering', interfaces: new Set(['msl-web']) });
    expect(sources()).toContain('msl-web 192.0.2.1');
    expect(sources()).toContain('msl-api undefined');
    core.tell({ type: 'peering', interfaces: new Set() });
    expect(sources()).not.toContain('msl-web 192.0.2.1');
  });
});
