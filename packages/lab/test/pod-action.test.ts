import { describe, expect, it } from 'vitest';
import {
  chooseNode,
  declaredPorts,
  type LabContainer,
  type LabPod,
  podAction,
} from '../src/pods/pod-action.ts';
import { sampleNamespaces, samplePods } from '../src/pods/sample.ts';

const pod = (spec: Partial<LabPod['spec']> = {}, phase?: string, deleting = false): LabPod => ({
  metadata: {
    name: 'p',
    namespace: 'n',
    uid: 'u',
    ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: { containers: [], ...spec },
  ...(phase === undefined ? {} : { status: { phase } }),
});
const BOUND = { nodeName: 'node1' };

describe('what the kubelet does about a pod', () => {
  // pod, whether it has a sandbox here, whether its node is ours, the action
  it.each([
    ['nothing there', undefined, false, false, 'nothing'],
    ['gone, its sandbox is left', undefined, true, false, 'stop'],
    ['not bound', pod(), false, false, 'bind'],
    ['bound here', pod(BOUND), false, true, 'start'],
    ['bound here, running', pod(BOUND), true, true, 'nothing'],
    ['bound elsewhere', pod(BOUND), false, false, 'nothing'],
    ['deleted before it was bound', pod({}, undefined, true), false, false, 'nothing'],
    ['deleted, running', pod(BOUND, 'Running', true), true, true, 'stop'],
    ['deleted here before it started', pod(BOUND, 'Pending', true), false, true, 'stop'],
    ['deleted elsewhere', pod(BOUND, 'Running', true), false, false, 'nothing'],
    ['succeeded, its sandbox is left', pod(BOUND, 'Succeeded'), true, true, 'stop'],
    ['succeeded', pod(BOUND, 'Succeeded'), false, true, 'nothing'],
    ['failed', pod(BOUND, 'Failed'), false, true, 'nothing'],
    ['failed before it was bound', pod({}, 'Failed'), false, false, 'nothing'],
    ['succeeded and deleted', pod(BOUND, 'Succeeded', true), false, true, 'stop'],
  ] as const)('%s', (_, what, hasSandbox, ours, action) => {
    expect(podAction(what, hasSandbox, ours)).toBe(action);
  });

  it('comes to rest: what follows an action needs no other', () => {
    expect(podAction(pod(BOUND), true, true)).toBe('nothing');
    expect(podAction(undefined, false, true)).toBe('nothing');
    expect(podAction(pod(BOUND, 'Failed'), false, true)).toBe('nothing');
  });
});

describe('the node for a pod', () => {
  const nodes = [1, 2, 3].map(i => ({
    name: `node${i}`,
    labels: { 'kubernetes.io/hostname': `node${i}`, disk: i < 3 ? 'fast' : 'slow' },
  }));

  it('is the next in turn', () => {
    expect([0, 1, 2, 3].map(i => chooseNode(pod(), nodes, i))).toEqual(['node1', 'node2', 'node3', 'node1']);
  });

  it('fits every label of the nodeSelector', () => {
    const fast = pod({ nodeSelector: { disk: 'fast' } });
    expect([0, 1, 2].map(i => chooseNode(fast, nodes, i))).toEqual(['node1', 'node2', 'node1']);
    const one = pod({ nodeSelector: { disk: 'slow', 'kubernetes.io/hostname': 'node3' } });
    expect([0, 1, 2].map(i => chooseNode(one, nodes, i))).toEqual(['node3', 'node3', 'node3']);
  });

  it('does not exist when none fits', () => {
    expect(chooseNode(pod({ nodeSelector: { disk: 'tape' } }), nodes, 0)).toBeUndefined();
    expect(chooseNode(pod(), [], 0)).toBeUndefined();
  });
});

describe('the ports that a pod answers on', () => {
  const container = (...ports: NonNullable<LabContainer['ports']>): LabContainer => ({ name: 'c', ports });

  it('are those of all containers, TCP unless said otherwise, each once', () => {
    const two = pod({
      containers: [
        container({ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }),
        container({ containerPort: 80, protocol: 'TCP' }, { containerPort: 53 }),
        { name: 'silent' },
      ],
    });
    expect(declaredPorts(two)).toEqual([
      { protocol: 'TCP', port: 80 },
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ]);
  });

  it('are not those of init containers, nor of protocols that the lab does not speak', () => {
    const odd = pod({
      initContainers: [container({ containerPort: 7 })],
      containers: [container({ containerPort: 9, protocol: 'SCTP' })],
    });
    expect(declaredPorts(odd)).toEqual([]);
  });
});

describe('the sample', () => {
  it('takes the roles in turn, with unique names, in namespaces that exist', () => {
    const pods = samplePods(9) as { metadata: { name: string; namespace: string } }[];
    expect(pods.slice(0, 5).map(p => p.metadata.name)).toEqual([
      'web-1',
      'api-1',
      'db-1',
      'monitor-1',
      'web-2',
    ]);
    expect(new Set(pods.map(p => p.metadata.name)).size).toBe(9);
    const namespaces = (sampleNamespaces() as { metadata: { name: string } }[]).map(ns => ns.metadata.name);
    expect([...new Set(pods.map(p => p.metadata.namespace))].sort()).toEqual(namespaces.sort());
  });
});
