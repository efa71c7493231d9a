import { type AnyObject, RESOURCES } from '@muslin/kube';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probe } from '../../packages/lab/src/probe.ts';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { until } from '../../packages/lab/src/until.ts';
import { Kubectl } from './kubectl.ts';
import { TestCluster } from './lab-cluster.ts';

describe('the controller of a running cluster', () => {
  let lab: TestCluster;
  let kubectl: Kubectl;

  beforeAll(async () => {
    // A pod, and with it a block, on each of three nodes.
    lab = await TestCluster.up('tgone', 3, 3);
    kubectl = new Kubectl(lab.cluster.kubeconfig);
  });
  afterAll(() => lab?.down());

  const blocks = async () => {
    const list = await lab.cluster.client.listAll<AnyObject>(RESOURCES.IPAMBlock);
    if (!list.ok) throw new Error(list.fault.message);
    return list.value.items.map(o => o['spec'] as { cidr: string; affinity?: string });
  };

  /** Which nodes know a way to the prefix, by their kernels. */
  async function knowing(cidr: string, nodes: readonly string[]): Promise<readonly string[]> {
    const hosts = lab.cluster.topology.nodes.filter(node => nodes.includes(node.name));
    const tables = await Promise.all(
      hosts.map(async ({ name, netns }) => {
        const { stdout } = await execa('ip', ['-n', netns, 'route', 'show', cidr]);
        return stdout.trim() === '' ? [] : [name];
      }),
    );
    return tables.flat();
  }

  it('shows with kubectl whether a pool can be used, and which older one stands in the way', async () => {
    await kubectl.apply(`
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: too-late }
spec: { cidr: 10.244.128.0/17 }
`);
    await kubectl.run('wait --for=condition=Allocatable=false ippool/too-late --timeout=20s');
    await kubectl.run('wait --for=condition=Allocatable ippool/default-ipv4-ippool --timeout=20s');
    const path = '{.status.conditions[?(@.type=="Allocatable")].message}';
    const said = await kubectl.args(['get', 'ippool', 'too-late', '-o', `jsonpath=${path}`]);
    expect(said).toBe('spec.cidr overlaps with 10.244.0.0/16 of the older IPPool default-ipv4-ippool');
    await kubectl.run('delete ippool too-late');
    await kubectl.apply(`
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: in-time }
spec: { cidr: 10.245.0.0/16 }
`);
    await kubectl.run('wait --for=condition=Allocatable ippool/in-time --timeout=20s');
    await kubectl.run('delete ippool in-time');
  });

  it('leads a floating address to a pod from another node, from the router and from outside, and after it to the next node', async () => {
    await kubectl.apply(`
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: floating }
spec: { cidr: 198.51.100.0/28, blockSize: 28, assignmentMode: Manual }
`);
    await kubectl.apply(`
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: { name: default }
spec: { floatingIPs: Enabled }
`);
    const { nodes, tor, outside } = lab.cluster.topology;
    const web = readSandboxes(lab.cluster.folder).find(({ name }) => name === 'web-1');
    const from = [web?.netns ?? '', tor.netns, outside.netns, ...nodes.map(({ netns }) => netns)];
    const answers = async (port: number) =>
      until(
        () =>
          Promise.all(from.map(netns => probe({ netns, ip: '198.51.100.7', port, protocol: 'TCP' }, 1_000))),
        seen => seen.every(({ outcome }) => outcome === 'open'),
        30_000,
        100,
      );
    const ask = (pod: string, ips: string) =>
      kubectl.args(['annotate', '-n', 'shop', 'pod', pod, `cni.projectcalico.org/floatingIPs${ips}`]);
    await ask('api-1', '=["198.51.100.7"]');
    const first = await answers(8080);
    expect(first.held, JSON.stringify(first)).toBe(true);
    // The address is in the first node's block: the next node borrows it.
    await ask('api-1', '-');
    await ask('db-1', '=["198.51.100.7"]');
    const second = await answers(5432);
    expect(second.held, JSON.stringify(second)).toBe(true);
    await ask('db-1', '-');
  });

  it('gives back the block of a node that is gone, and the other nodes forget its routes', async () => {
    const lost = lab.cluster.topology.nodes[2]?.name ?? '';
    const pod = readSandboxes(lab.cluster.folder).find(record => record.node === lost);
    const cidr = (await blocks()).find(block => block.affinity === `host:${lost}`)?.cidr ?? '';
    expect(cidr).toMatch(/\/26$/);
    const before = await until(
      () => knowing(cidr, ['node1', 'node2']),
      who => who.length === 2,
      20_000,
      50,
    );
    expect(before.held ? before.value : before.last).toEqual(['node1', 'node2']);

    // The machine dies, and an admin says so. The router, which knows no Nodes, keeps the routes for the restart time
    // that was agreed on (RFC 4724 §4.2), as it must for a speaker that may come back.
    for (const program of ['agent', 'speaker']) await lab.cluster.child(`${program}-${lost}`).kill();
    await kubectl.run(`delete node ${lost}`);

    const left = await until(blocks, list => list.every(block => block.cidr !== cidr), 20_000, 50);
    expect((left.held ? left.value : left.last).map(block => block.cidr)).not.toContain(cidr);
    const names = await kubectl.run('get blockaffinities,ipamhandles -o name');
    expect(names).not.toContain(lost);
    expect(names).not.toContain(pod?.containerId);
    const knows = await until(
      () => knowing(cidr, ['node1', 'node2']),
      who => who.length === 0,
      30_000,
      100,
    );
    expect(knows.held ? knows.value : knows.last).toEqual([]);
    expect((await blocks()).filter(block => block.cidr.startsWith('10.244.'))).toHaveLength(2);
  });
});
