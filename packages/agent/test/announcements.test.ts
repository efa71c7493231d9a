import type { KubeClient } from '@muslin/kube';
import { fail, ok } from '@muslin/net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Announcements } from '../src/pod/announcements.ts';
import type { Sandbox } from '../src/pod/sandbox-store.ts';

const sandbox = (name: string, ips = ['10.0.0.7', 'fd00::7']): Sandbox => ({
  ...{ containerId: `c-${name}`, ifname: 'eth0', netns: '/run/netns/p', network: 'k8s-pod-network' },
  ...{ hostInterface: `msl-${name}`, ips, podMac: '02:00:00:00:00:01', mtu: 1500, state: 'ready' },
  pod: { namespace: 'shop', name, uid: `u-${name}` },
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Announcements of a node, whose plugin may be at work, and whose pods may go. */
function setUp(answer: 'ok' | 'NotFound' | 'Forbidden' = 'ok') {
  const told: { readonly pod: string; readonly body: unknown }[] = [];
  const lines: string[] = [];
  const gone = new Set<string>();
  const node = { busy: false };
  const patch = (_: unknown, pod: { readonly name: string }, { body }: { readonly body: unknown }) => {
    told.push({ pod: pod.name, body });
    return Promise.resolve(answer === 'ok' ? ok({}) : fail({ code: answer, message: `refused: ${answer}` }));
  };
  const announcements = new Announcements({
    client: { patch } as unknown as KubeClient,
    isBusy: () => node.busy,
    isThere: ({ pod }) => !gone.has(pod.name),
    log: line => lines.push(line),
  });
  return { announcements, told, lines, gone, node, pods: () => told.map(({ pod }) => pod) };
}

describe('addresses of pods that got theirs', () => {
  test('are told together, once no plugin has been at work for a moment', () => {
    const { announcements, pods } = setUp();
    announcements.add(sandbox('a'));
    vi.advanceTimersByTime(20);
    announcements.add(sandbox('b'));
    vi.advanceTimersByTime(20);
    expect(pods()).toEqual([]);
    vi.advanceTimersByTime(10);
    expect(pods()).toEqual(['a', 'b']);
    vi.advanceTimersByTime(1_000);
    expect(pods(), 'once').toEqual(['a', 'b']);
  });
  test('wait for a plugin that is at work, for a tenth of a second at most', () => {
    const { announcements, node, pods } = setUp();
    node.busy = true;
    announcements.add(sandbox('a'));
    vi.advanceTimersByTime(95);
    expect(pods()).toEqual([]);
    vi.advanceTimersByTime(5);
    expect(pods()).toEqual(['a']);
    announcements.add(sandbox('b'));
    vi.advanceTimersByTime(95);
    expect(pods(), 'the next begins to wait anew').toEqual(['a']);
    vi.advanceTimersByTime(5);
    expect(pods()).toEqual(['a', 'b']);
  });
  test('are told under the names that Calico’s plugin uses, bound to the very pod', () => {
    const { announcements, told } = setUp();
    announcements.add(sandbox('a'));
    vi.advanceTimersByTime(100);
    const prefix = 'cni.projectcalico.org';
    expect(told[0]?.body).toEqual({
      metadata: {
        uid: 'u-a',
        annotations: {
          [`${prefix}/containerID`]: 'c-a',
          [`${prefix}/podIP`]: '10.0.0.7/32',
          [`${prefix}/podIPs`]: '10.0.0.7/32,fd00::7/128',
        },
      },
    });
  });
  test('are not told of a pod that has gone meanwhile, or after the end', () => {
    const { announcements, gone, pods } = setUp();
    announcements.add(sandbox('a'));
    announcements.add(sandbox('b'));
    gone.add('a');
    vi.advanceTimersByTime(100);
    expect(pods()).toEqual(['b']);
    announcements.add(sandbox('c'));
    announcements.stop();
    vi.advanceTimersByTime(1_000);
    expect(pods()).toEqual(['b']);
  });
  test.each([
    ['Forbidden', ['annotations of shop/a: refused: Forbidden']],
    ['NotFound', []],
  ] as const)('that the API server answers with %s are logged as %j', async (answer, wanted) => {
    const { announcements, lines } = setUp(answer);
    announcements.add(sandbox('a'));
    vi.advanceTimersByTime(100);
    await Promise.resolve();
    await Promise.resolve();
    expect(lines).toEqual(wanted);
  });
});
