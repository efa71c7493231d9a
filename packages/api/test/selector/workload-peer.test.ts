import { describe, expect, test } from 'vitest';
import {
  readBgpPeer,
  readNamespace,
  readNode,
  readPod,
  readServiceAccount,
  workloadPeerOf,
} from '../../src/index.ts';

const must = <T>(read: { readonly value: T | undefined }): T => {
  if (read.value === undefined) throw new Error('unreadable');
  return read.value;
};
const peers = (...all: readonly (readonly [string, object])[]) =>
  new Map(
    all.map(([name, spec]) => {
      const object = { apiVersion: 'projectcalico.org/v3', kind: 'BGPPeer', metadata: { name } };
      return [name, must(readBgpPeer({ ...object, spec: { asNumber: 65_401, ...spec } }))];
    }),
  );
const node = must(
  readNode({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { rack: 'a' } } }),
);
const pod = (labels: object, spec: object = {}) =>
  must(
    readPod({
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: { namespace: 'nested', name: 'vm-1', uid: 'u', labels },
      spec: { nodeName: 'n1', serviceAccountName: 'router', ...spec },
    }),
  );
const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'nested', labels: { team: 'x' } },
};
const account = {
  ...{ apiVersion: 'v1', kind: 'ServiceAccount' },
  metadata: { namespace: 'nested', name: 'router', labels: { bgp: 'yes' } },
};
const facts = {
  namespaces: new Map([['nested', must(readNamespace(namespace))]]),
  serviceAccounts: new Map([['nested/router', must(readServiceAccount(account))]]),
};
const peerOf = (map: ReturnType<typeof peers>, endpoint = pod({ color: 'red' })) =>
  workloadPeerOf({ ...facts, peers: map }, node, endpoint)?.name;

describe('a pod is a BGP peer of its node (BGPPeer localWorkloadSelector)', () => {
  test.each([
    ["color == 'red'", 'p'],
    ["color == 'blue'", undefined],
    ["projectcalico.org/namespace == 'nested'", 'p'],
    ["pcns.team == 'x'", 'p'],
    ["pcsa.bgp == 'yes'", 'p'],
    ['all()', 'p'],
  ])('where %s selects it', (localWorkloadSelector, name) => {
    expect(peerOf(peers(['p', { localWorkloadSelector }]))).toBe(name);
  });

  test.each([
    [{ node: 'n1' }, 'p'],
    [{ node: 'n2' }, undefined],
    [{ nodeSelector: "rack == 'a'" }, 'p'],
    [{ nodeSelector: "rack == 'b'" }, undefined],
  ])('where the BGPPeer is for %j', (scope, name) => {
    expect(peerOf(peers(['p', { ...scope, localWorkloadSelector: 'all()' }]))).toBe(name);
  });

  test('by the first name where several select it', () => {
    const all = { localWorkloadSelector: 'all()' };
    expect(peerOf(peers(['z', { ...all, node: 'n1' }], ['b', all], ['c', all]))).toBe('b');
  });

  test('but not on another node, nor in the network of its own', () => {
    const all = peers(['p', { localWorkloadSelector: 'all()' }]);
    expect(peerOf(all, pod({}, { nodeName: 'n2' }))).toBeUndefined();
    expect(peerOf(all, pod({}, { hostNetwork: true }))).toBeUndefined();
    expect(peerOf(peers(['p', { peerIP: '192.0.2.1' }]))).toBeUndefined();
  });
});
