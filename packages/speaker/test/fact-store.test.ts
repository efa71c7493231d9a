import { describe, expect, test } from 'vitest';
import { configurationOf } from '../src/core/cluster-facts.ts';
import { configuration, filter, node, object, peer, storeOf } from './facts.ts';

const good = peer('tor', { peerIP: '192.0.2.1', asNumber: 65000 });
const bad = peer('tor', { peerIP: 'nonsense', asNumber: 65000 });

describe('an object that becomes invalid', () => {
  test('keeps its last good meaning, and says so once', () => {
    const store = storeOf([good]);
    const said = store.set(bad, false);
    expect(said[0]).toContain('BGPPeer tor: spec.peerIP');
    expect(said[0]).toContain('its last valid form stays in effect');
    expect(store.set(bad, false)).toEqual([]);
    expect(store.facts.peers.get('tor')?.target).toMatchObject({ type: 'address' });
    expect(store.problems('n1')).toMatchObject([{ object: 'BGPPeer tor', reason: 'Invalid' }]);
  });

  test('is right again without a trace', () => {
    const store = storeOf([good, bad, good]);
    expect(store.problems('n1')).toEqual([]);
  });

  test('that was never valid is absent', () => {
    const store = storeOf([bad]);
    expect(store.facts.peers.size).toBe(0);
    expect(store.problems('n1')[0]?.message).not.toContain('last valid');
  });

  test('is gone when it is deleted, and so is the complaint', () => {
    const store = storeOf([good, bad]);
    store.set(bad, true);
    expect(store.facts.peers.size).toBe(0);
    expect(store.problems('n1')).toEqual([]);
  });
});

test('a filter that becomes invalid still filters', () => {
  const store = storeOf([filter('f', { exportV4: [{ action: 'Reject' }] })]);
  store.set(filter('f', { exportV4: [{ action: 'Perhaps' }] }), false);
  expect(store.facts.filters.get('f')?.exportV4).toHaveLength(1);
});

test('what is wrong with another Node is not a problem of this one', () => {
  const wrong = node('n2', ['10.0.0.2']);
  const store = storeOf([
    {
      ...wrong,
      metadata: { name: 'n2', annotations: { 'projectcalico.org/ASNumber': 'x' } },
    } as typeof wrong,
  ]);
  expect(store.problems('n1')).toEqual([]);
  expect(store.problems('n2')).toHaveLength(1);
});

describe('the configuration of a node', () => {
  test('has what the default says where it is silent, whichever came first', () => {
    const general = configuration({ asNumber: 64600, nodeToNodeMeshEnabled: false });
    const own = configuration({ listenPort: 1179 }, 'node.n1');
    for (const objects of [
      [general, own],
      [own, general],
    ]) {
      const { facts } = storeOf(objects);
      expect(configurationOf(facts, 'n1')).toMatchObject({
        asNumber: 64600,
        listenPort: 1179,
        nodeToNodeMeshEnabled: false,
      });
      expect(configurationOf(facts, 'n2')).toMatchObject({ asNumber: 64600, listenPort: 179 });
    }
  });

  test('follows the default when that changes or goes', () => {
    const own = configuration({ listenPort: 1179 }, 'node.n1');
    const store = storeOf([configuration({ asNumber: 64600 }), own]);
    store.set(configuration({ asNumber: 64601 }), false);
    expect(configurationOf(store.facts, 'n1').asNumber).toBe(64601);
    store.set(configuration({}), true);
    expect(configurationOf(store.facts, 'n1')).toMatchObject({ asNumber: 64512, listenPort: 1179 });
  });
});

test('passwords are told apart by what is known of them, and a repeat is no change', () => {
  const store = storeOf([]);
  expect(store.setPasswords(new Map([['s/k', { state: 'known' }]]))).toBe(true);
  expect(store.setPasswords(new Map([['s/k', { state: 'known' }]]))).toBe(false);
  expect(store.setPasswords(new Map())).toBe(true);
  expect(store.facts.passwords.size).toBe(0);
});

test('the version goes up with facts alone: a heartbeat or a pod of another node changes nothing', () => {
  const n1 = node('n1', ['10.0.0.1'], { labels: { a: 'b' } });
  const block = (allocations: readonly (number | null)[]) =>
    object('IPAMBlock', 'b', {
      cidr: '10.244.0.0/30',
      affinity: 'host:n2',
      allocations,
      attributes: [{ secondary: { node: 'n2' } }, { secondary: { node: 'n1' } }],
    });
  const store = storeOf([n1, block([0, null, null, null]), good]);
  const { version } = store;
  const heartbeat = { ...n1, metadata: { ...n1.metadata, resourceVersion: '7' } } as typeof n1;
  store.set(heartbeat, false);
  store.set(block([0, 0, null, null]), false);
  store.set(bad, false);
  expect(store.version).toBe(version);
  store.set(block([0, 0, 1, null]), false);
  expect(store.version).toBe(version + 1);
  store.set(node('n1', ['10.0.0.1'], { labels: { a: 'c' } }), false);
  expect(store.version).toBe(version + 2);
  store.set(good, true);
  expect(store.version).toBe(version + 3);
});
