import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { RESOURCES } from '@muslin/kube';
import { FANOUT, type Grant, ROLES } from '../../deploy/objects/roles.ts';
import type { AuditLine } from '../../packages/lab/src/apiserver/audit-log.ts';
import { probe } from '../../packages/lab/src/probe.ts';
import { until } from '../../packages/lab/src/until.ts';
import { watchTraffic } from './continuous-probe.ts';
import { TestCluster } from './lab-cluster.ts';

const policy = (name: string, spec: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`;
const ONLY_WEB = policy(
  'only-web',
  '{ podSelector: { matchLabels: { app: api } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }] }] }',
);
const NOBODY = policy('nobody', '{ podSelector: { matchLabels: { app: db } }, ingress: [] }');

describe('a cluster whose agents are told by the controller', () => {
  let lab: TestCluster;

  beforeAll(async () => {
    // web-1 on node1, api-1 on node2, db-1 on node1.
    lab = await TestCluster.up('tfan', 2, 3, 'none', ['--fanout-fallback-ms', '1000'], 'none', true);
  });
  afterAll(() => lab?.down());

  const source = async (which: 'stream' | 'watches') => {
    const ask = () => Promise.all(lab.cluster.topology.nodes.map(node => lab.cluster.agentStatus(node)));
    const seen = await until(ask, all => all.every(status => status?.source === which), 30_000, 30);
    expect((seen.held ? seen.value : seen.last).map(status => status?.source)).toEqual([which, which]);
  };

  it('enforces policies, and each node follows also those that do not concern it', async () => {
    await source('stream');
    await lab.enforce(ONLY_WEB);
    // The nodes' own sessions may still be on their way up.
    const open = await until(
      () => probe({ ...lab.way('shop/web-1', 'shop/api-1', 8080), protocol: 'TCP' }, 1_000),
      ({ outcome }) => outcome === 'open',
      30_000,
    );
    expect(open.held).toBe(true);
    const denied = { ...lab.way('shop/db-1', 'shop/api-1', 8080), protocol: 'TCP' } as const;
    expect((await probe(denied, 500)).outcome).toBe('silent');
  });

  it('loses and leaks nothing when the controller is killed; new policies come over the watches meanwhile', async () => {
    const { cluster } = lab;
    const traffic = await watchTraffic(
      lab.way('shop/web-1', 'shop/api-1', 8080),
      lab.way('shop/db-1', 'shop/api-1', 8080),
    );
    await cluster.child('controller').kill();
    await source('watches');
    await lab.enforce(NOBODY);
    const denied = { ...lab.way('shop/api-1', 'shop/db-1', 5432), protocol: 'TCP' } as const;
    expect((await probe(denied, 500)).outcome).toBe('silent');
    await cluster.startController();
    await source('stream');
    expect((await probe(denied, 500)).outcome).toBe('silent');
    await cluster.client.delete(RESOURCES.NetworkPolicy, { namespace: 'shop', name: 'nobody' });
    await lab.untilEnforced(new Map([['knp/shop/nobody', undefined]]));
    expect((await probe(denied, 3_000)).outcome).toBe('open');
    const seen = await traffic.stop();
    expect([seen.cut, seen.leaked, seen.broken]).toEqual([[], [], false]);
    expect(seen.tries).toBeGreaterThan(10);
  });

  it('asks the API server for nothing that the controller and fan-out are not granted', () => {
    const grants = [ROLES.controller, FANOUT].flatMap(({ cluster, own }) => [...cluster, ...own]);
    const asked = readFileSync(lab.cluster.auditLog, 'utf8')
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as AuditLine)
      .filter(({ user }) => user.endsWith(':muslin-controller'));
    const missing = asked.filter(attempt => !grants.some(grant => allows(grant, attempt)));
    expect(missing).toEqual([]);
    for (const resource of ['tokenreviews', 'secrets', 'configmaps', 'networkpolicies'])
      expect(asked.map(attempt => attempt.resource)).toContain(resource);
  });
});

function allows({ group, resources, verbs }: Grant, attempt: AuditLine): boolean {
  const { resource, subresource, verb } = attempt;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  return group === attempt.group && resources.includes(what) && verbs.includes(verb);
}
