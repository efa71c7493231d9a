import { type AnyObject, RESOURCES, type Resource } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conditionFindings } from '../src/doctor/object-findings.ts';
import { fanoutFindings, programFindings } from '../src/doctor/program-findings.ts';
import { fakeApi } from './fake-api.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import { muslinctl } from './test-context.ts';

let server: StandIn;
beforeAll(async () => {
  server = await startStandIn();
}, 30_000);
afterAll(() => server.stop());

async function put(resource: Resource, name: string, fields: object, namespace?: string) {
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  const made = await server.client.create(resource, { metadata, ...fields } as AnyObject);
  if (!made.ok) throw new Error(made.fault.message);
}

interface Told {
  readonly healthy: boolean;
  readonly findings: readonly { readonly severity: string; readonly code: string; readonly object: string }[];
}

async function told(): Promise<Told & { readonly code: number }> {
  const ran = await muslinctl(['doctor', '-o', 'json', '--kubeconfig', server.kubeconfig]);
  return { ...(JSON.parse(ran.stdout) as Told), code: ran.code };
}

describe('muslinctl doctor', () => {
  it('says that all is well in a cluster without anything wrong', async () => {
    const ran = await muslinctl(['doctor', '--kubeconfig', server.kubeconfig]);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toMatch(
      /^All is well: 0 problems, 0 warnings, 0 waiting; 0 nodes and \d+ objects examined\.\n$/,
    );
  });

  it('puts each thing that is wrong on one page, worst and lowest first, with reason and fix', async () => {
    await put(RESOURCES.Node, 'n1', {});
    await put(RESOURCES.ClusterInformation, 'default', { spec: { datastoreReady: false } });
    await put(RESOURCES.IPPool, 'a', { spec: { cidr: '10.1.0.0/16' } });
    await put(RESOURCES.IPPool, 'b', { spec: { cidr: '10.1.4.0/24' } });
    await put(RESOURCES.GlobalNetworkPolicy, 'late', { spec: { selector: 'all()', tier: 'no-such' } });
    const http = { action: 'Allow', http: { methods: ['GET'] } };
    await put(RESOURCES.GlobalNetworkPolicy, 'http', { spec: { selector: 'all()', ingress: [http] } });
    const accepted = {
      type: 'Accepted',
      status: 'False',
      reason: 'NotInForce',
      message: 'http is not supported',
    };
    const status = { conditions: [{ ...accepted, lastTransitionTime: '2026-01-01T00:00:00Z' }] };
    await put(RESOURCES.PolicyStatus, 'gnp.http', { spec: {} });
    for (const [resource, name] of [
      [RESOURCES.GlobalNetworkPolicy, 'http'],
      [RESOURCES.PolicyStatus, 'gnp.http'],
    ] as const)
      await server.client.patch(
        resource,
        { name },
        { type: 'merge', body: { status } },
        { subresource: 'status' },
      );
    const gone = { name: 'bgpfilters.projectcalico.org' };
    await server.client.delete(RESOURCES.CustomResourceDefinition, gone);
    const { findings, healthy, code } = await told();
    expect({ healthy, code }).toEqual({ healthy: false, code: 1 });
    expect(findings.map(each => `${each.severity} ${each.code} ${each.object}`)).toEqual([
      'problem datastore-locked ClusterInformation default',
      'problem definition-missing CustomResourceDefinition bgpfilters.projectcalico.org',
      'problem agent-silent Node n1',
      'problem policy-partial GlobalNetworkPolicy http',
      'problem pools-overlap IPPool b',
      'problem no-report Node n1',
      'warning policy-doubtful GlobalNetworkPolicy late',
    ]);
    const page = (await muslinctl(['doctor', '--kubeconfig', server.kubeconfig])).stdout;
    expect(page).toContain(`problem  IPPool b  [pools-overlap]
  why: its 10.1.4.0/24 overlaps with 10.1.0.0/16 of IPPool a: an address could be given out twice
  fix: disable one of them, move its pods, and delete it
`);
    expect(page).toMatch(
      /\nNot all is well: 6 problems, 1 warning, 0 waiting; 1 node and \d+ objects examined\.\n$/,
    );
  });

  it('does not call a cluster well when it may not look', async () => {
    const api = await fakeApi({});
    const ran = await muslinctl(['doctor', '--kubeconfig', api.kubeconfig]);
    await api.close();
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('[definition-missing]');
    expect(await muslinctl(['doctor', '--kubeconfig', '/nowhere'])).toMatchObject({ code: 1, stdout: '' });
    expect((await muslinctl(['doctor', '-o', 'xml'])).code).toBe(2);
  });

  it('judges the programs by their workloads: not ready, another version, not there', () => {
    const metadata = { name: 'muslin-node', namespace: 'kube-system' };
    const template = { spec: { containers: [{ name: 'agent', image: 'registry.example/muslin:0.0.9' }] } };
    const status = { desiredNumberScheduled: 3, numberReady: 2, updatedNumberScheduled: 1 };
    const set = { kind: 'DaemonSet', metadata, spec: { template }, status } as unknown as AnyObject;
    const codes = programFindings([set], []).map(({ severity, code }) => `${severity} ${code}`);
    expect(codes).toEqual([
      'problem not-ready',
      'waiting rollout',
      'problem not-installed',
      'warning version-skew',
    ]);
    expect(programFindings([], [])).toEqual([]);
  });

  it('says that routes to single pods and fan-out do not go together, and only then', () => {
    const object = (kind: string, name: string, spec: object) =>
      ({ kind, metadata: { name, namespace: 'kube-system' }, spec }) as unknown as AnyObject;
    const agent = (...flags: string[]) =>
      object('DaemonSet', 'muslin-node', {
        template: { spec: { containers: [{ name: 'agent', command: ['node', 'agent.mjs', ...flags] }] } },
      });
    const felix = (routeSource: string) => object('FelixConfiguration', 'default', { routeSource });
    expect(fanoutFindings([agent('--fanout=c:9467')], [felix('workloadIPs')])).toMatchObject([
      { severity: 'problem', code: 'routes-without-fanout', object: 'FelixConfiguration default' },
    ]);
    expect(fanoutFindings([agent('--fanout=c:9467')], [felix('CalicoIPAM')])).toEqual([]);
    expect(fanoutFindings([agent()], [felix('WorkloadIPs')])).toEqual([]);
  });

  it('names pods to delete, not a report to edit, where a node has pods from before its installation', () => {
    const said = {
      type: 'Complete',
      status: 'False',
      reason: 'InDoubt',
      message: 'interface msl1 has no sandbox',
    };
    const report = {
      kind: 'AddressNodeStatus',
      metadata: { name: 'n1' },
      status: { conditions: [said] },
    } as unknown as AnyObject;
    const [finding] = conditionFindings([report], []);
    expect(finding?.reason).toContain('interface msl1 has no sandbox');
    expect(finding?.fix).toMatch(/^delete the pods that began on n1 .*spec\.nodeName=n1$/);
    expect(finding?.fix).not.toContain('edit');
  });
});
