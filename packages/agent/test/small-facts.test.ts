import { formatIp, formatPrefix } from '@muslin/net';
import { describe, expect, test, vi } from 'vitest';
import { ownBlocks } from '../src/core/own-blocks.ts';
import { EnforcedSince } from '../src/enforced-since.ts';
import { readWishes } from '../src/ipam/pod-wishes.ts';
import { whenCalm } from '../src/kernel/when-calm.ts';
import { LINK_LANES, sizeThreadPool } from '../src/kernel/thread-pool.ts';
import { PodCache } from '../src/pod/pod-cache.ts';

describe('what a pod asks of IPAM', () => {
  const ask = (pod: object, namespace: object = {}) => {
    const prefixed = (annotations: object) =>
      Object.fromEntries(
        Object.entries(annotations).map(([k, v]) => [`cni.projectcalico.org/${k}`, v as string]),
      );
    const wishes = readWishes(prefixed(pod), prefixed(namespace));
    return wishes.ok
      ? { ips: wishes.value.ips.map(formatIp), pools: Object.values(wishes.value.poolNames) }
      : wishes.fault;
  };
  test('nothing is asked by most pods', () => {
    expect(ask({ other: 'x' })).toEqual({ ips: [], pools: [[], []] });
  });
  test('addresses and pools come as JSON lists, each family for itself', () => {
    expect(
      ask({ ipAddrs: '["10.0.0.7","fd00::7"]', ipv4pools: '["a"]', ipv6pools: '["b","fd00::/64"]' }),
    ).toEqual({
      ips: ['10.0.0.7', 'fd00::7'],
      pools: [['a'], ['b', 'fd00::/64']],
    });
  });
  test('a pod’s pools win over its namespace’s, which holds where the pod is silent; addresses are the pod’s alone', () => {
    expect(
      ask({ ipv4pools: '["pod"]' }, { ipv4pools: '["ns"]', ipv6pools: '["ns6"]', ipAddrs: '["1.1.1.1"]' }),
    ).toEqual({
      ips: [],
      pools: [['pod'], ['ns6']],
    });
  });
  test('the network’s own pools hold for a family that neither pod nor namespace names any for', () => {
    const annotations = {
      'cni.projectcalico.org/ipv4pools': '["pod"]',
      'cni.projectcalico.org/ipv6pools': '[]',
    };
    const wishes = readWishes(annotations, {}, { 4: ['conflist'], 6: ['conflist6'] });
    expect(wishes.ok && wishes.value.poolNames).toEqual({ 4: ['pod'], 6: ['conflist6'] });
  });
  test.each([
    [{ ipAddrs: '10.0.0.7' }, 'ipAddrs must be a JSON list of texts such as ["a"], not 10.0.0.7'],
    [{ ipv4pools: '{"a":1}' }, 'ipv4pools must be a JSON list'],
    [{ ipv6pools: '[1]' }, 'ipv6pools must be a JSON list'],
    [
      { ipAddrsNoIpam: '["192.0.2.7"]' },
      'use cni.projectcalico.org/ipAddrs and an IPPool with assignmentMode Manual',
    ],
    [{ ipAddrs: '["10.0.0.300"]' }, 'annotation cni.projectcalico.org/ipAddrs: '],
  ])('%j is refused in words', (pod, text) => {
    expect(ask(pod)).toContain(text);
  });
});

describe('blocks of this node', () => {
  const block = (name: string, spec: object) => ({ metadata: { name }, spec });
  test('are those with its affinity that are not being deleted and can be read', () => {
    const own = ownBlocks(
      [
        block('mine', { cidr: '10.0.0.0/26', affinity: 'host:n1' }),
        block('six', { cidr: 'fd00::/122', affinity: 'host:n1', deleted: false }),
        block('theirs', { cidr: '10.0.1.0/26', affinity: 'host:n10' }),
        block('nobody', { cidr: '10.0.2.0/26' }),
        block('going', { cidr: '10.0.3.0/26', affinity: 'host:n1', deleted: true }),
        block('odd', { cidr: 'x', affinity: 'host:n1' }),
        { metadata: {} },
      ],
      'n1',
    );
    expect(own.map(({ name, cidr }) => [name, formatPrefix(cidr)])).toEqual([
      ['mine', '10.0.0.0/26'],
      ['six', 'fd00::/122'],
    ]);
  });
});

describe('since when a policy is enforced', () => {
  const object = (resourceVersion: string, uid = 'u') => ({
    metadata: { uid, resourceVersion, generation: 1 },
  });
  test('a version is in force when a round that began after it was seen has ended', () => {
    const since = new EnforcedSince(() => 40);
    since.saw('NetworkPolicy', object('5'), 'knp/a/p', false);
    const mark = since.mark();
    since.saw('NetworkPolicy', object('6'), 'knp/a/p', false);
    expect(since.policies).toEqual({});
    expect(since.enforced(mark, 100)).toHaveLength(1);
    expect(since.policies).toEqual({
      'knp/a/p': { uid: 'u', resourceVersion: '5', generation: 1, seenAt: 40, enforcedAt: 100 },
    });
    expect(since.appliedThrough).toEqual({ NetworkPolicy: '5' });
    since.enforced(since.mark(), 200);
    expect(since.policies['knp/a/p']).toMatchObject({ resourceVersion: '6', enforcedAt: 200 });
  });
  test('it keeps its time while nothing changes, and begins anew with a new object of the same name', () => {
    const since = new EnforcedSince(() => 40);
    since.saw('NetworkPolicy', object('5'), 'k', false);
    since.enforced(since.mark(), 100);
    expect(since.enforced(since.mark(), 200)).toEqual([]);
    expect(since.policies['k']?.enforcedAt).toBe(100);
    since.saw('NetworkPolicy', object('5', 'other'), 'k', false);
    since.enforced(since.mark(), 300);
    expect(since.policies['k']).toMatchObject({ uid: 'other', enforcedAt: 300 });
  });
  test('a deleted policy goes with the round that knew it; what is applied never goes back', () => {
    const since = new EnforcedSince(() => 40);
    since.saw('NetworkPolicy', object('10'), 'k', false);
    since.enforced(since.mark(), 1);
    since.saw('NetworkPolicy', object('9'), 'k', true);
    since.saw('Pod', object('7'), undefined, false);
    expect(Object.keys(since.policies)).toEqual(['k']);
    since.enforced(since.mark(), 2);
    expect(since.policies).toEqual({});
    expect(since.appliedThrough).toEqual({ NetworkPolicy: '10', Pod: '7' });
  });
});

describe('pods that were read ahead of the watch', () => {
  const pod = (uid: string, resourceVersion: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'a', name: 'p', uid, resourceVersion },
  });
  const name = { namespace: 'a', name: 'p', uid: undefined };
  test('the end of the older pod of that name is old news', () => {
    const pods = new PodCache();
    pods.saw(pod('old', '5'), false);
    pods.read(pod('new', '9'));
    expect(pods.saw(pod('old', '8'), true)).toBe(false);
    expect(pods.saw(pod('old', '7'), false)).toBe(false);
    expect(pods.get(name)?.metadata.uid).toBe('new');
  });
  test('from the version that was read on, the watch is right again', () => {
    const pods = new PodCache();
    pods.read(pod('new', '9'));
    expect(pods.saw(pod('new', '8'), false)).toBe(false);
    expect(pods.saw(pod('new', '9'), false)).toBe(true);
    expect(pods.saw(pod('new', '10'), true)).toBe(true);
    expect(pods.get(name)).toBeUndefined();
  });
  test('its own end counts even when a new list tells it with an old version', () => {
    const pods = new PodCache();
    pods.read(pod('new', '9'));
    expect(pods.saw(pod('new', '8'), true)).toBe(true);
    expect(pods.get(name)).toBeUndefined();
  });
  test('one that the watch never showed goes with its sandbox, one that it showed stays', () => {
    const pods = new PodCache();
    pods.read(pod('u', '9'));
    expect(pods.forget({ ...name, uid: 'other' })).toBeUndefined();
    expect(pods.forget({ ...name, uid: 'u' })?.metadata.uid).toBe('u');
    expect(pods.get(name)).toBeUndefined();
    pods.saw(pod('u', '9'), false);
    expect(pods.forget({ ...name, uid: 'u' })).toBeUndefined();
    expect(pods.get(name)?.metadata.uid).toBe('u');
  });
});

test('what waits for calm comes once nobody asks any more, and not later than its longest wait', () => {
  vi.useFakeTimers();
  const acts: number[] = [];
  const calm = whenCalm(() => acts.push(performance.now()), { quietMs: 100, longestMs: 350 });
  const begun = performance.now();
  for (let i = 0; i < 6; i++) {
    calm.soon();
    vi.advanceTimersByTime(60);
  }
  expect(acts.map(at => at - begun)).toEqual([350]);
  vi.advanceTimersByTime(1_000);
  expect(acts).toHaveLength(1);
  calm.soon();
  vi.advanceTimersByTime(99);
  expect(acts).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(acts).toHaveLength(2);
  calm.soon();
  calm.stop();
  vi.advanceTimersByTime(1_000);
  expect(acts).toHaveLength(2);
  vi.useRealTimers();
});

describe('threads that may wait', () => {
  const sized = (wish?: string) => {
    const env = wish === undefined ? {} : { UV_THREADPOOL_SIZE: wish };
    sizeThreadPool(env);
    return Number(env.UV_THREADPOOL_SIZE);
  };
  test('are one for each deletion of links, and four for all else', () => {
    expect(sized()).toBe(LINK_LANES + 4);
    expect(sized('4')).toBe(LINK_LANES + 4);
    expect(sized('many')).toBe(LINK_LANES + 4);
  });
  test('are as many as somebody wants more', () => {
    expect(sized('64')).toBe(64);
  });
});
