import type { AnyObject } from '@muslin/kube';
import { formatIp, mustIp } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { floatingIn, floatingWishes } from '../src/ipam/floating-wishes.ts';

const wishes = (text: string | undefined, ips: readonly string[] = ['10.0.0.1', 'fd00::1'], uid = 'u1') =>
  floatingWishes(
    'pod/shop/web',
    { uid: 'u1', ips: ips.map(mustIp) },
    {
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: {
        ...{ namespace: 'shop', name: 'web', uid },
        annotations: text === undefined ? {} : { 'cni.projectcalico.org/floatingIPs': text },
      },
    },
  );

describe('the annotation floatingIPs', () => {
  it('is a list of addresses of families that the pod has, each once', () => {
    const { wanted, refused } = wishes('["198.51.100.7", "2001:db8::7", "2001:DB8:0::7"]');
    expect(wanted.map(({ ip, handleId }) => [formatIp(ip), handleId])).toEqual([
      ['198.51.100.7', 'floating.u1.198.51.100.7'],
      ['2001:db8::7', 'floating.u1.2001:db8::7'],
    ]);
    expect(refused).toEqual([]);
  });
  it.each([
    ['no list', '198.51.100.7', '', /must be a JSON list/],
    ['numbers', '[7]', '', /must be a JSON list/],
    ['what is no address', '["198.51.100.700"]', '198.51.100.700', /198\.51\.100\.700/],
    ['a family that the pod lacks', '["2001:db8::7"]', '2001:db8::7', /no IPv6 address/],
  ])('with %s is refused with the reason', (_, text, at, why) => {
    const { wanted, refused } = wishes(text, ['10.0.0.1']);
    expect([wanted, refused]).toEqual([[], [{ text: at, why: expect.stringMatching(why) }]]);
  });
  it('asks nothing when it is absent, or of another pod of that name', () => {
    expect(wishes(undefined)).toEqual({ wanted: [], refused: [] });
    expect(wishes('["198.51.100.7"]', ['10.0.0.1'], 'u2')).toEqual({ wanted: [], refused: [] });
  });
});

describe('what blocks say of floating addresses', () => {
  const block = (spec: object): AnyObject => ({
    ...{ apiVersion: 'projectcalico.org/v3', kind: 'IPAMBlock', metadata: { name: 'b' } },
    spec,
  });
  const secondary = {
    namespace: 'shop',
    pod: 'web',
    node: 'n1',
    type: 'floatingAddress',
    'muslin.dev/uid': 'u1',
  };
  it('is found by node, and nothing else is', () => {
    const attributes = [
      { handle_id: 'floating.u1.198.51.100.1', secondary },
      { handle_id: 'floating.u1.198.51.100.2', secondary: { ...secondary, node: 'n2' } },
      { handle_id: 'k8s-pod-network.box', secondary: { ...secondary, type: undefined } },
    ];
    const spec = {
      ...{ cidr: '198.51.100.0/30', affinity: 'host:n1', strictAffinity: false, attributes },
      ...{ allocations: [null, 0, 1, 2], unallocated: [0] },
    };
    expect(floatingIn([block(spec), block({ cidr: 'x' })], 'n1')).toEqual([
      {
        ...{ handleId: 'floating.u1.198.51.100.1', ip: mustIp('198.51.100.1'), key: 'pod/shop/web' },
        pod: { namespace: 'shop', name: 'web', uid: 'u1' },
      },
    ]);
  });
});
