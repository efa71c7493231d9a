import { readdirSync } from 'node:fs';
import { type AnyObject, RESOURCES, Reflector } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probe } from '../../packages/lab/src/probe.ts';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { until } from '../../packages/lab/src/until.ts';
import { Kubectl } from './kubectl.ts';
import { TestCluster } from './lab-cluster.ts';
import { openWitness, type PacketWitness } from './packet-witness.ts';

const PODS = 30;
const LISTEN = 9998;

const pod = (namespace: string, name: string, app: string, node: string) => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: ${app} } }
spec:
  nodeName: ${node}
  containers: [{ name: main, image: muslin.dev/echo, ports: [{ name: http, containerPort: 8080 }] }]
---`;

const SETTING = `
apiVersion: v1
kind: Namespace
metadata: { name: vault }
---
apiVersion: v1
kind: Namespace
metadata: { name: probers }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default-deny, namespace: vault }
spec: { podSelector: {}, policyTypes: [Ingress, Egress] }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: from-friends, namespace: vault }
spec:
  podSelector: {}
  ingress:
    - from:
        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: probers } }
          podSelector: { matchLabels: { app: friend } }
---
${pod('probers', 'friend', 'friend', 'node1')}
${pod('probers', 'stranger', 'stranger', 'node2')}
${pod('probers', 'near-stranger', 'stranger', 'node1')}
${pod('probers', 'victim', 'victim', 'node2')}
`;

const tick = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

describe('a pod does not run before its policy', () => {
  let lab: TestCluster;

  beforeAll(async () => {
    lab = await TestCluster.up('tp2', 2, 0, 'none');
    const kubectl = new Kubectl(lab.cluster.kubeconfig);
    await kubectl.apply(SETTING);
    await kubectl.run('wait --for=condition=Ready pod --all -n probers --timeout=50s');
  });
  afterAll(() => lab?.down());

  it('lets no forbidden packet in or out from its first instant, and every allowed one in once it is Ready', async () => {
    const place = (name: string) => {
      const record = readSandboxes(lab.cluster.folder).find(r => `${r.namespace}/${r.name}` === name);
      if (record === undefined) throw new Error(`no sandbox of ${name}`);
      return { netns: record.netns, ip: record.ips[0] as string };
    };
    const [friend, stranger, near, victim] = ['friend', 'stranger', 'near-stranger', 'victim'].map(name =>
      place(`probers/${name}`),
    ) as [Place, Place, Place, Place];
    const witness = {
      friend: await openWitness(friend.netns, LISTEN),
      stranger: await openWitness(stranger.netns, LISTEN),
      near: await openWitness(near.netns, LISTEN),
      victim: await openWitness(victim.netns, LISTEN),
    };
    const leaks: string[] = [];
    const cut: string[] = [];
    const inside = new Map<string, PacketWitness>();
    const known = new Map<string, { readonly ip: string; ready: boolean }>();
    const checks: Promise<void>[] = [];
    let tries = 0;
    let running = true;

    const forbidden = async (what: string, from: Place, ip: string) => {
      tries++;
      // A refusal is an answer, too: somebody got the packet.
      const { outcome } = await probe({ netns: from.netns, ip, port: 8080, protocol: 'TCP' }, 250);
      if (outcome !== 'silent') leaks.push(`${what}: ${outcome}`);
    };
    const allowed = async (name: string, ip: string) => {
      for (let i = 0; i < 5; i++) {
        const seen = await probe({ netns: friend.netns, ip, port: 8080, protocol: 'TCP' }, 5_000);
        if (seen.outcome !== 'open') cut.push(`friend to ${name}, try ${i}: ${seen.outcome}`);
      }
    };

    // Every namespace of a pod, from the moment it exists: whether anybody else knows of it or not.
    const old = new Set(readdirSync('/run/netns'));
    const outward = (async () => {
      for (let turn = 0; running; turn++) {
        for (const name of readdirSync('/run/netns')) {
          if (old.has(name) || !name.startsWith('ml-tp2-p-')) continue;
          // The name comes a moment before the namespace that it will stand for.
          const socket = await openWitness(name, LISTEN).catch(() => undefined);
          if (socket === undefined) continue;
          old.add(name);
          inside.set(name, socket);
        }
        for (const [name, socket] of inside) {
          socket.send(victim.ip, LISTEN, `from ${name}`);
          if (turn % 8 === 0)
            checks.push(forbidden(`${name} to the victim`, { netns: name, ip: '' }, victim.ip));
        }
        await tick(5);
      }
    })();

    // Every address, from the moment the API server tells it.
    const pods = new Reflector<AnyObject>(lab.cluster.client, RESOURCES.Pod, {
      onEvent: event => {
        if (event.type === 'synced' || event.type === 'delete') return;
        const { name = '', namespace, annotations = {} } = event.object.metadata;
        if (namespace !== 'vault') return;
        const status = (event.object['status'] ?? {}) as PodStatus;
        const ip = status.podIP ?? annotations['cni.projectcalico.org/podIP']?.split('/')[0];
        if (ip === undefined) return;
        const entry = known.get(name) ?? { ip, ready: false };
        known.set(name, entry);
        if (entry.ready || !status.conditions?.some(c => c.type === 'Ready' && c.status === 'True')) return;
        entry.ready = true;
        checks.push(allowed(name, ip));
      },
      onFault: () => {},
    });
    pods.start();
    const inward = (async () => {
      for (let turn = 0; running; turn++) {
        for (const [name, { ip }] of known) {
          witness.stranger.send(ip, LISTEN, 'from the stranger');
          witness.near.send(ip, LISTEN, 'from the stranger on its node');
          if (turn % 8 === 0) checks.push(forbidden(`the stranger to ${name}`, stranger, ip));
        }
        await tick(5);
      }
    })();

    const names = Array.from({ length: PODS }, (_, i) => `fresh-${i}`);
    const kubectl = new Kubectl(lab.cluster.kubeconfig);
    await kubectl.apply(names.map((name, i) => pod('vault', name, 'fresh', `node${1 + (i % 2)}`)).join(''));
    const up = await until(
      async () => [...known.values()].filter(entry => entry.ready).length,
      count => count === PODS,
      60_000,
    );
    await tick(300);
    running = false;
    await Promise.all([outward, inward]);
    await Promise.all(checks);
    await pods.stop();

    expect(up.held ? up.value : up.last).toBe(PODS);
    expect(inside.size).toBe(PODS);
    expect(leaks).toEqual([]);
    expect(cut).toEqual([]);
    expect(witness.victim.heard).toEqual([]);
    expect([...inside.values()].flatMap(socket => socket.heard)).toEqual([]);
    expect(tries).toBeGreaterThan(PODS * 4);

    // The witnesses are no deaf ones: the friend is heard by each, as its policy says.
    for (const { ip } of known.values()) witness.friend.send(ip, LISTEN, 'from the friend');
    witness.friend.send(victim.ip, LISTEN, 'from the friend');
    const all = [...inside.values(), witness.victim];
    const heard = await until(
      async () => all.filter(socket => socket.heard.includes('from the friend')).length,
      count => count === all.length,
      5_000,
    );
    expect(heard.held ? heard.value : heard.last).toBe(all.length);
    for (const socket of [...all, witness.friend, witness.stranger, witness.near]) socket.close();
  });
});

interface Place {
  readonly netns: string;
  readonly ip: string;
}

interface PodStatus {
  readonly podIP?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}
