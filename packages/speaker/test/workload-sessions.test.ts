import { formatIp, mustIp } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { desiredSpeaker } from '../src/core/desired-speaker.ts';
import type { SeenObject } from '../src/core/fact-store.ts';
import { peersOf } from '../src/core/peers-of.ts';
import { configuration, factsOf, filter, node, object, peer, storeOf } from './facts.ts';

const PEERING = { localWorkloadPeeringIPV4: '169.254.0.179', localWorkloadPeeringIPV6: 'fd12::179' };
const settings = (more: object = {}) => configuration({ nodeToNodeMeshEnabled: false, ...PEERING, ...more });
const n1 = node('n1', ['10.0.0.1', 'fd00::1']);
const nested = (spec: object = {}) =>
  peer('nested', { localWorkloadSelector: "color == 'red'", asNumber: 65_401, ...spec });

function pod(name: string, color: string, ips: readonly string[], more: object = {}): SeenObject {
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { namespace: 'default', name, uid: name, labels: { color } },
    spec: { nodeName: 'n1', ...more },
    status: { podIPs: ips.map(ip => ({ ip })) },
  } as SeenObject;
}

const red = pod('red', 'red', ['10.244.1.5', 'fd10::5']);
const made = (...objects: readonly SeenObject[]) => {
  const { peers, problems } = peersOf(factsOf(n1, ...objects), 'n1');
  return { peers: [...peers.values()], ids: [...peers.keys()], problems };
};

describe('a BGPPeer with localWorkloadSelector', () => {
  test('makes a session with each pod that it selects, in each family of pod and node', () => {
    const { ids, problems } = made(settings(), nested(), red, pod('blue', 'blue', ['10.244.1.6']));
    expect(ids).toEqual(['10.244.1.5', 'fd10::5']);
    expect(problems).toEqual([]);
    expect(made(settings({ localWorkloadPeeringIPV6: undefined }), nested(), red).ids).toEqual([
      '10.244.1.5',
    ]);
    expect(made(settings(), nested(), pod('four', 'red', ['10.244.1.7'])).ids).toEqual(['10.244.1.7']);
  });

  test('makes none with pods of other nodes, in the network of theirs, without an address, or finished', () => {
    const others = [
      pod('a', 'red', ['10.244.2.1'], { nodeName: 'n2' }),
      pod('b', 'red', ['10.0.0.1'], { hostNetwork: true }),
      pod('c', 'red', []),
      {
        ...pod('d', 'red', ['10.244.1.9']),
        status: { phase: 'Succeeded', podIP: '10.244.1.9' },
      } as SeenObject,
    ];
    expect(made(settings(), nested(), ...others).ids).toEqual([]);
  });

  test('lets the pod call, answers from the peering address, and hides the pod behind the node', () => {
    const [four] = made(settings(), nested(), red).peers;
    expect(four).toMatchObject({
      ...{ type: 'GlobalPeer', asNumber: 65_401, internal: false, origin: 'BGPPeer nested' },
      config: { passive: true, behindUs: true, remoteAs: 65_401, nextHop: 'auto', transport: {} },
    });
    const hops = Object.values(four?.config.nextHopSelf ?? {}).map(formatIp);
    expect(hops).toEqual(['169.254.0.179', 'fd12::179']);
    expect(four?.config.transport).not.toHaveProperty('source');
  });

  test('has what every BGPPeer has', () => {
    const secret = { name: 'bgp', key: 'pods' };
    const store = storeOf([
      n1,
      settings(),
      filter('child', { importV4: [{ action: 'Accept', cidr: '10.123.0.0/16', matchOperator: 'In' }] }),
      red,
      nested({
        ...{ localASNumber: 65_002, nextHopMode: 'Self', numAllowedLocalASNumbers: 2, ttlSecurity: 1 },
        ...{
          maxRestartTime: '60s',
          keepaliveTime: '10s',
          filters: ['child'],
          password: { secretKeyRef: secret },
        },
      }),
    ]);
    store.setPasswords(new Map([['bgp/pods', { state: 'known' }]]));
    const [first] = peersOf(store.facts, 'n1').peers.values();
    expect(first?.config).toMatchObject({
      ...{ localAs: 65_002, nextHop: 'self', allowAsIn: 2, gracefulRestartTime: 60, keepaliveTime: 10 },
      transport: { passwordKey: 'bgp/pods', ttlSecurityHops: 1 },
    });
    expect(first?.config.importPolicy?.rules).toHaveLength(1);
    expect(desiredSpeaker(store.facts, 'n1')?.passwords).toEqual(new Map([['bgp', ['pods']]]));
  });

  test('says what it lacks where no peering address is given', () => {
    const { ids, problems } = made(configuration({ nodeToNodeMeshEnabled: false }), nested(), red);
    expect(ids).toEqual([]);
    expect(problems).toMatchObject([{ object: 'BGPPeer nested', reason: 'NoPeeringAddress' }]);
    expect(problems[0]?.message).toContain('localWorkloadPeeringIPV4');
  });

  test('ends the session of a pod that goes, or whose labels change, and no other', () => {
    const store = storeOf([n1, settings(), nested(), red, pod('red2', 'red', ['10.244.1.6'])]);
    const ids = () => [...peersOf(store.facts, 'n1').peers.keys()];
    expect(ids()).toEqual(['10.244.1.5', 'fd10::5', '10.244.1.6']);
    store.set(pod('red', 'green', ['10.244.1.5', 'fd10::5']), false);
    expect(ids()).toEqual(['10.244.1.6']);
    store.set(pod('red2', 'red', []), true);
    expect(ids()).toEqual([]);
  });

  test('listens at the peering addresses too where bindMode is NodeIP', () => {
    const bound = settings({ bindMode: 'NodeIP' });
    const ips = (...objects: readonly SeenObject[]) =>
      desiredSpeaker(factsOf(n1, bound, ...objects), 'n1')?.listen.ips;
    expect(ips(nested(), red)?.map(formatIp)).toEqual(['10.0.0.1', 'fd00::1', '169.254.0.179', 'fd12::179']);
    expect(ips()).toEqual([mustIp('10.0.0.1'), mustIp('fd00::1')]);
  });

  test('of labels that namespaces hand down', () => {
    const namespace = object(
      'Namespace',
      'default',
      {},
      { metadata: { name: 'default', labels: { vm: 'yes' } } },
    );
    const by = nested({ localWorkloadSelector: "pcns.vm == 'yes'" });
    const kind = { ...namespace, apiVersion: 'v1' } as SeenObject;
    expect(made(settings(), by, red).ids).toEqual([]);
    expect(made(settings(), by, red, kind).ids).toEqual(['10.244.1.5', 'fd10::5']);
  });
});
