import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type AnyObject, RESOURCES } from '@muslin/kube';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Grant, ROLES } from '../../deploy/objects/roles.ts';
import type { AuditLine } from '../../packages/lab/src/apiserver/audit-log.ts';
import { type Child, ourProgram, startChild } from '../../packages/lab/src/child.ts';
import { askSocket } from '../../packages/lab/src/local-status.ts';
import { callCni } from '../../packages/lab/src/pods/cni.ts';
import { probe } from '../../packages/lab/src/probe.ts';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { until } from '../../packages/lab/src/until.ts';
import { TestCluster } from '../lab/lab-cluster.ts';
import { confined, effectiveCapabilities, nodeContainer } from './confinement.ts';

const POLICY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web-to-api, namespace: shop }
spec:
  podSelector: { matchLabels: { app: api } }
  ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }], ports: [{ port: http }] }]
`;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OWN_NAMESPACE = 'kube-system';
/** A namespace without a pod. */
const EMPTY = 'trbac-empty';
type Program = keyof typeof ROLES;

/** Grants that no short run uses, and the source that does. */
interface Rare {
  readonly program: Program;
  readonly grant: string;
  readonly why: string;
  readonly file: string;
  readonly call: RegExp;
}
const RARE: readonly Rare[] = [
  {
    program: 'agent',
    grant: 'patch /nodes',
    why: 'no pool of the lab has an encapsulation: nothing is to be told of tunnels',
    file: 'packages/agent/src/tunnel/tunnel-addresses.ts',
    call: /patch<AnyObject>\(RESOURCES\.Node,/,
  },
  {
    program: 'agent',
    grant: 'patch /events',
    why: 'it tells the same twice',
    file: 'packages/kube/src/event-recorder.ts',
    call: /patch\(\s*RESOURCES\.Event,/,
  },
  {
    program: 'agent',
    grant: 'create muslin.dev/policynodestatuses',
    why: 'a real API server checks an apply that makes the object as a create, too',
    file: 'packages/agent/src/own-status.ts',
    call: /type: 'apply'/,
  },
  {
    program: 'agent',
    grant: 'create muslin.dev/addressnodestatuses',
    why: 'a real API server checks an apply that makes the object as a create, too',
    file: 'packages/agent/src/own-status.ts',
    call: /type: 'apply'/,
  },
  ...[
    'projectcalico.org/networkpolicies',
    'projectcalico.org/globalnetworkpolicies',
    'projectcalico.org/stagednetworkpolicies',
    'projectcalico.org/stagedglobalnetworkpolicies',
    'projectcalico.org/stagedkubernetesnetworkpolicies',
    'policy.networking.k8s.io/clusternetworkpolicies',
    'policy.networking.k8s.io/adminnetworkpolicies',
    'policy.networking.k8s.io/baselineadminnetworkpolicies',
  ].map(resource => ({
    program: 'controller' as const,
    grant: `patch ${resource}/status`,
    why: 'a part of a policy is refused',
    file: 'packages/controller/src/accepted.ts',
    call: /subresource: 'status'/,
  })),
  {
    program: 'controller',
    grant: 'delete muslin.dev/policystatuses',
    why: 'a policy goes',
    file: 'packages/controller/src/policy-summaries.ts',
    call: /client\.delete\(resource,/,
  },
  {
    program: 'controller',
    grant: 'delete muslin.dev/bgpquestions',
    why: 'a question must be left alone for two minutes',
    file: 'packages/controller/src/left-questions.ts',
    call: /delete\(RESOURCES\.BGPQuestion,/,
  },
  {
    program: 'controller',
    grant: 'get muslin.dev/addressnodestatuses',
    why: 'an address must look lost for a quarter of an hour',
    file: 'packages/controller/src/garbage/node-reports.ts',
    call: /get<AnyObject>\(RESOURCES\.AddressNodeStatus,/,
  },
  ...['pods', 'namespaces', 'serviceaccounts'].flatMap(resource =>
    ['list', 'watch'].map(verb => ({
      program: 'speaker' as const,
      grant: `${verb} /${resource}`,
      why: 'no BGPPeer of the lab makes pods peers',
      file: 'packages/speaker/src/main.ts',
      call: /reflect\('Pod', take/,
    })),
  ),
  {
    program: 'speaker',
    grant: 'create muslin.dev/bgpnodestatuses',
    why: 'a real API server checks an apply that makes the object as a create, too',
    file: 'packages/speaker/src/report.ts',
    call: /type: 'apply'/,
  },
  {
    program: 'controller',
    grant: 'get /pods',
    why: 'an address must look lost for a quarter of an hour',
    file: 'packages/controller/src/garbage/garbage.ts',
    call: /get<AnyObject>\(RESOURCES\.Pod,/,
  },
  {
    program: 'controller',
    grant: 'patch /events',
    why: 'it tells the same twice',
    file: 'packages/kube/src/event-recorder.ts',
    call: /patch\(\s*RESOURCES\.Event,/,
  },
  {
    program: 'controller',
    grant: 'update projectcalico.org/clusterinformations',
    why: 'another version of the program comes',
    file: 'packages/controller/src/cluster-information.ts',
    call: /update\(RESOURCES\.ClusterInformation,/,
  },
  {
    program: 'controller',
    grant: 'update projectcalico.org/ipamhandles',
    why: 'the lost address is one of several of its handle',
    file: 'packages/ipam/src/handle-program.ts',
    call: /write\('update', withSpec\(object, handleToSpec\(lowered\)\)\)/,
  },
];

const granted = (grants: readonly Grant[]): readonly string[] =>
  grants.flatMap(({ group, resources, verbs }) =>
    resources.flatMap(resource => verbs.map(verb => `${verb} ${group}/${resource}`)),
  );

const rare = (program: Program, grant: string) =>
  RARE.some(each => each.program === program && each.grant === grant);

describe('an installation while it works', () => {
  let lab: TestCluster;
  const extra: Child[] = [];
  beforeAll(async () => {
    lab = await TestCluster.up('trbac', 2, 2, 'none');
  });
  afterAll(async () => {
    await Promise.all(extra.map(child => child.kill()));
    await execa('ip', ['netns', 'delete', EMPTY], { reject: false });
    await lab?.down();
  });

  const node = (i: number) => {
    const found = lab.cluster.topology.nodes[i];
    if (found === undefined) throw new Error(`no node ${i}`);
    return found;
  };
  const works = async (from = 'shop/web-1') =>
    (await probe({ ...lab.way(from, 'shop/api-1', 8080), protocol: 'TCP' }, 1000)).outcome;

  /** Ends a program and starts it again, confined as in its container. */
  async function confine(program: 'agent' | 'speaker', folder: string): Promise<Child> {
    const running = lab.cluster.child(`${program}-${node(0).name}`);
    await running.stop();
    // What the container runs before Node.
    const words: readonly string[] = nodeContainer(program).command;
    const command = [...words.slice(0, words.indexOf('node')), ...running.spec.command];
    const child = startChild({ ...running.spec, command: confined(program, [folder], command) });
    extra.push(child);
    return child;
  }

  it('agent and speaker serve with the capabilities of their containers and a read-only root', async () => {
    await lab.enforce(POLICY);
    expect(
      (
        await until(
          () => works(),
          outcome => outcome === 'open',
          30_000,
        )
      ).held,
    ).toBe(true);
    const { name } = node(0);
    const folder = `${lab.cluster.folder}/${name}`;
    // A kind that may come later: the agent watches for its definition.
    const banp = 'baselineadminnetworkpolicies.policy.networking.k8s.io';
    await lab.cluster.client.delete(RESOURCES.CustomResourceDefinition, { name: banp });
    const agent = await confine('agent', folder);
    const speaker = await confine('speaker', folder);
    const status = <T>(program: string) => askSocket<T>(`${folder}/${program}.sock`, '/v1/status');
    const up = await until(
      () => status<{ ready: boolean }>('agent'),
      answer => answer?.ready === true || !agent.alive(),
      30_000,
    );
    expect(up.held && agent.alive(), agent.tail()).toBe(true);
    // NET_ADMIN 12, NET_RAW 13, SYS_ADMIN 21; NET_BIND_SERVICE 10, SYS_NICE 23.
    expect(effectiveCapabilities(agent.id.pid)).toBe('0000000000203000');
    const peers = await until(
      () => status<{ peers?: readonly { state: string }[] }>('speaker'),
      answer => answer?.peers?.some(peer => peer.state === 'Established') === true,
      60_000,
    );
    expect(peers.held, speaker.tail()).toBe(true);
    expect(effectiveCapabilities(speaker.id.pid)).toBe('0000000000803400');
    const six = await lab.cluster.apply({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: 'six' },
      spec: { cidr: 'fd00:10:244::/64', blockSize: 122 },
    });
    await lab.cluster.apply({
      apiVersion: 'projectcalico.org/v3',
      kind: 'CalicoNodeStatus',
      metadata: { name: 'asked' },
      spec: { node: name, classes: ['Agent', 'BGP'], updatePeriodSeconds: 10 },
    });
    await lab.cluster.apply({
      ...{ apiVersion: 'projectcalico.org/v3', kind: 'FelixConfiguration', metadata: { name: 'default' } },
      spec: { floatingIPs: 'Enabled' },
    });
    await lab.cluster.apply({
      apiVersion: 'muslin.dev/v1alpha1',
      kind: 'BGPQuestion',
      metadata: { name },
      spec: { about: 'Routes' },
    });
    await lab.untilEnforced(new Map(), { IPPool: six.metadata.resourceVersion ?? '' });
    const pod = (await lab.pods()).find(each => each.metadata.name === 'web-1');
    const { podIP = '' } = (pod?.status ?? {}) as { readonly podIP?: string };
    // The end of a block of 64: nobody keeps it in hand.
    const last = podIP.replace(/\d+$/, octet => `${Number(octet) | 63}`);
    await lab.cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...{ namespace: 'shop', name: 'web-2', labels: { app: 'web' } },
        annotations: {
          // A pod that wishes for addresses of two blocks changes its handle after making it.
          'cni.projectcalico.org/ipAddrs': JSON.stringify([last, 'fd00:10:244::beef']),
          // No pool has it: the agent tells so.
          'cni.projectcalico.org/floatingIPs': '["203.0.113.200"]',
        },
      },
      spec: { ...(pod?.spec as object), nodeName: name },
    });
    const started = await until(
      async () => readSandboxes(lab.cluster.folder).find(r => r.name === 'web-2'),
      record => record !== undefined && record.ips.length > 0,
      30_000,
    );
    expect(started.held, agent.tail()).toBe(true);
    expect(
      (
        await until(
          () => works('shop/web-2'),
          outcome => outcome === 'open',
          10_000,
        )
      ).held,
    ).toBe(true);
    expect(readFileSync(agent.spec.log, 'utf8')).not.toMatch(/EROFS|EPERM|EACCES/);
  });

  /** A Service that gets an address and goes, a pool that goes after it, and host endpoints that follow a label. */
  async function serveAService(): Promise<void> {
    const { client } = lab.cluster;
    const calico = 'projectcalico.org/v3';
    const balanced = { namespace: 'shop', name: 'balanced' };
    const done = async (what: string, fact: () => Promise<boolean>) =>
      expect((await until(fact, held => held, 30_000)).held, what).toBe(true);
    await lab.cluster.apply({
      ...{ apiVersion: calico, kind: 'IPPool', metadata: { name: 'services' } },
      spec: { cidr: '203.0.113.0/28', blockSize: 28, allowedUses: ['LoadBalancer'] },
    });
    await lab.cluster.apply({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: balanced },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    });
    await done('the Service has an address', async () => {
      const got = await client.get<AnyObject>(RESOURCES.Service, balanced);
      return got.ok && JSON.stringify(got.value['status'] ?? {}).includes('203.0.113.');
    });
    await client.delete(RESOURCES.Service, balanced);
    await client.delete(RESOURCES.IPPool, { name: 'services' });
    await done(
      'the pool is gone',
      async () => !(await client.get(RESOURCES.IPPool, { name: 'services' })).ok,
    );
    const settings = { spec: { controllers: { node: { hostEndpoint: { autoCreate: 'Enabled' } } } } };
    await client.patch(
      RESOURCES.KubeControllersConfiguration,
      { name: 'default' },
      { type: 'merge', body: settings },
    );
    const lost = { name: `${node(1).name}-auto-hep` };
    await done('it has a host endpoint', async () => (await client.get(RESOURCES.HostEndpoint, lost)).ok);
    const body = { metadata: { labels: { moved: 'yes' } } };
    await client.patch(RESOURCES.Node, { name: node(1).name }, { type: 'merge', body });
    await done('it follows', async () => {
      const got = await client.get<AnyObject>(RESOURCES.HostEndpoint, lost);
      return got.ok && got.value.metadata.labels?.['moved'] === 'yes';
    });
  }

  it('asks the API server for what its roles grant, all of it and nothing else', async () => {
    const { client } = lab.cluster;
    // A pod that no watch has shown yet: the agent reads it. This one doesn't exist.
    const bin = `${lab.cluster.folder}/${node(0).name}/cni/bin`;
    await execa('ip', ['netns', 'add', EMPTY]);
    const answer = await callCni(
      {
        nodeNetns: node(0).netns,
        executable: `${bin}/muslin`,
        binFolder: bin,
        network: { name: 'k8s-pod-network', cniVersion: '1.0.0', plugin: { type: 'muslin' } },
      },
      {
        command: 'ADD',
        containerId: 'nobody',
        netns: `/run/netns/${EMPTY}`,
        pod: { namespace: 'shop', name: 'nobody', uid: 'u' },
      },
    );
    await execa('ip', ['netns', 'delete', EMPTY]);
    expect(answer).toMatchObject({
      ok: false,
      message: expect.stringContaining("can't read pod shop/nobody"),
    });
    await client.delete(RESOURCES.Pod, { namespace: 'shop', name: 'web-2' });
    await until(lab.pods.bind(lab), pods => !pods.some(pod => pod.metadata.name === 'web-2'), 30_000);
    await serveAService();
    // A node that is lost, with a pod on it: the controller gives its addresses back.
    await lab.cluster.child('kubelet').kill();
    await lab.cluster.child(`agent-${node(1).name}`).kill();
    await client.delete(RESOURCES.Node, { name: node(1).name });
    const freed = await until(
      () => client.listAll(RESOURCES.BlockAffinity),
      list => list.ok && !JSON.stringify(list.value.items).includes(`"${node(1).name}"`),
      60_000,
    );
    expect(freed.held).toBe(true);

    // What is done now and then, such as writing a status, may still be to come.
    const seen = await until(
      async () => differencesIn(lab.cluster.auditLog),
      found => found.length === 0,
      20_000,
      200,
    );
    expect(seen.held ? [] : seen.last).toEqual([]);
  });

  it.each(RARE)('$program may $grant: $why', ({ program, grant, file, call }) => {
    expect(granted([...ROLES[program].cluster, ...ROLES[program].own])).toContain(grant);
    expect(readFileSync(`${ROOT}/${file}`, 'utf8')).toMatch(call);
  });

  it('leaves nothing in the kernel of a node once it is uninstalled', async () => {
    const { name, netns } = node(0);
    const inside = async (...command: string[]) =>
      (await execa('ip', ['netns', 'exec', netns, ...command], { reject: false })).stdout;
    const traces = async () => ({
      rules: (
        await Promise.all(
          ['iptables-nft-save', 'ip6tables-nft-save', 'iptables-legacy-save', 'ip6tables-legacy-save'].map(
            p => inside(p),
          ),
        )
      )
        .join('\n')
        .split('\n')
        .filter(line => line.includes('msl')),
      sets: (await inside('ipset', 'list', '-n')).split('\n').filter(line => line.startsWith('msl')),
      routes: (await inside('ip', 'route', 'show', 'table', 'all'))
        .split('\n')
        .filter(line => /proto (109|bgp)/.test(line)),
      tunnels: (await inside('ip', '-o', 'link', 'show', 'type', 'vxlan')).split('\n').filter(Boolean),
    });
    const before = await traces();
    expect(before.rules.length).toBeGreaterThan(10);
    expect(before.sets.length).toBeGreaterThan(0);
    expect(before.routes.length).toBeGreaterThan(0);
    await Promise.all(extra.map(child => child.stop()));
    // As an agent leaves it where a pool has vxlanMode; here it would remove it.
    await inside('ip', 'link', 'add', 'vxlan.muslin', 'type', 'vxlan', 'id', '4096', 'dstport', '4789');
    expect((await traces()).tunnels).toHaveLength(1);
    const folder = `${lab.cluster.folder}/${name}`;
    const script = ourProgram(
      `${ROOT}/deploy/programs/uninstall.ts`,
      ...['--bin-dir', `${folder}/cni/bin`, '--run-dir', folder, '--state-dir', `${folder}/state`],
    );
    const done = await execa('ip', ['netns', 'exec', netns, ...confined('uninstall', [folder], script)], {
      reject: false,
    });
    expect(done.stderr).toBe('');
    expect(done.stdout).toContain('nothing of Muslin is left');
    expect(await traces()).toEqual({ rules: [], sets: [], routes: [], tunnels: [] });
  });
});

/** Grants that were not used, and calls that no grant allows. */
function differencesIn(auditLog: string): readonly string[] {
  const lines = readFileSync(auditLog, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as AuditLine);
  return (Object.keys(ROLES) as Program[]).flatMap(program => {
    const { cluster, own } = ROLES[program];
    const [everywhere, here] = [new Set(granted(cluster)), new Set(granted(own))];
    const unused = new Set([...everywhere, ...here].filter(what => !rare(program, what)));
    const user = `system:serviceaccount:kube-system:muslin-${program}`;
    const forbidden = lines
      .filter(line => line.user === user)
      .flatMap(line => {
        const what = `${line.verb} ${line.group}/${line.resource}${line.subresource && `/${line.subresource}`}`;
        unused.delete(what);
        const allowed = everywhere.has(what) || (line.namespace === OWN_NAMESPACE && here.has(what));
        return allowed ? [] : [`${program} lacks: ${what}${line.namespace && ` in ${line.namespace}`}`];
      });
    return [...forbidden, ...[...unused].map(what => `${program} never used: ${what}`)];
  });
}
