import { mustPrefix, parseIp, prefixHas } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { readWorld } from '../src/world/offline-world.ts';
import { SpareAddresses } from '../src/offline/spare-addresses.ts';
import { folder } from './folder.ts';
import { muslinctl } from './test-context.ts';

async function world(text: string, podCidrs: readonly string[] = []) {
  using files = folder({ 'x.yaml': text });
  const read = await readWorld([files.path], { podCidrs, skipBroken: false });
  if (!read.ok) throw new Error(read.fault.join('\n'));
  return read.value;
}
const pod = (name: string, more = 'spec: {}') =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: a}\n${more}\n`;
const policy = (name: string, podSelector: string, rule: string) =>
  `---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: ${name}, namespace: a}\nspec: {podSelector: ${podSelector}, ingress: [${rule}]}\n`;

describe('files that are no whole cluster', () => {
  it('give each pod an address of each family and a node of its own', async () => {
    const { snapshot, madeUp } = await world(pod('x') + pod('y'));
    const [x, y] = ['pod/a/x', 'pod/a/y'].map(key => snapshot.endpoints.get(key));
    expect(x?.ips.map(ip => ip.family)).toEqual([4, 6]);
    expect(x?.ips).not.toEqual(y?.ips);
    expect(x?.node).not.toBe(y?.node);
    expect([...madeUp]).toEqual(['pod/a/x', 'pod/a/y']);
  });

  it('keep the addresses and nodes that they have', async () => {
    const { snapshot, madeUp } = await world(pod('x', 'spec: {nodeName: n1}\nstatus: {podIP: 10.1.0.5}'));
    expect(snapshot.endpoints.get('pod/a/x')).toMatchObject({
      node: 'n1',
      ips: [{ family: 4, bits: 0x0a010005 }],
    });
    expect(madeUp.size).toBe(0);
  });

  it('give pods on one node network one address', async () => {
    const host = 'spec: {nodeName: n1, hostNetwork: true}';
    const { snapshot } = await world(pod('x', host) + pod('y', host));
    expect(snapshot.endpoints.get('pod/a/x')?.ips).toEqual(snapshot.endpoints.get('pod/a/y')?.ips);
  });

  it('imply namespaces, with the label that every namespace has', async () => {
    const { snapshot } = await world(
      `${pod('x')}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b, labels: {team: t, kubernetes.io/metadata.name: forged}}\n`,
    );
    expect(snapshot.namespaces.get('a')?.labels.get('kubernetes.io/metadata.name')).toBe('a');
    expect([...(snapshot.namespaces.get('b')?.labels ?? [])]).toEqual([
      ['team', 't'],
      ['kubernetes.io/metadata.name', 'b'],
    ]);
  });

  it('turn workloads into one pod each, but not those whose pods are there', async () => {
    const deployment = (name: string) =>
      `---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: a}\nspec: {template: {metadata: {labels: {app: ${name}}}, spec: {}}}\n`;
    const cron =
      '---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly, namespace: a}\nspec: {jobTemplate: {spec: {template: {spec: {}}}}}\n';
    const owned = `---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-5f, namespace: a, ownerReferences: [{kind: Deployment, name: web}]}
spec: {template: {spec: {}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-5f-x, namespace: a, ownerReferences: [{kind: ReplicaSet, name: web-5f}]}
`;
    const { snapshot } = await world(deployment('api') + cron + deployment('web') + owned);
    expect([...snapshot.endpoints.keys()].sort()).toEqual(['pod/a/api', 'pod/a/nightly', 'pod/a/web-5f-x']);
    expect(snapshot.endpoints.get('pod/a/api')?.labels.get('app')).toBe('api');
  });

  it('count the later of two objects of one name, and say so', async () => {
    const { warnings, snapshot } = await world(
      policy('p', '{}', '{}') + policy('p', '{}', '{ports: [{port: 1}]}') + pod('x'),
    );
    expect(warnings).toEqual([
      expect.stringMatching(/^NetworkPolicy a\/p is there twice \(.*x\.yaml:2 and .*x\.yaml:7\); the later/),
    ]);
    expect(snapshot.policies.get('knp/a/p')?.ingress[0]?.destination.ports).toHaveLength(1);
  });

  it('say when an answer hangs on a made-up address, and take --pod-cidr', async () => {
    const text = `${pod('x')}${pod('y')}${policy('p', '{}', '{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}')}`;
    using files = folder({ 'x.yaml': text });
    const ask = async (...more: string[]) => {
      const stdin = '{"from":"a/x","to":"a/y","port":80}';
      const ran = await muslinctl(['verdict', '--files', files.path, '--flows', '-', ...more], { stdin });
      return JSON.parse(ran.stdout);
    };
    const denied = await ask();
    expect(denied.verdict).toBe('deny');
    expect(denied.ingress.reason).toContain('the address of a/x is made up');
    expect(denied.egress.reason).not.toContain('made up');
    expect(await ask('--pod-cidr', '10.244.0.0/16')).toMatchObject({ verdict: 'allow' });
  });

  it('make no address up that something names', () => {
    const spare = new SpareAddresses(
      [mustPrefix('240.0.0.0/4')],
      ['240.0.0.1', '240.0.0.2/31', '240.0.0.0/24', '0.0.0.0/0', '10.0.0.1'],
    );
    const [ip] = spare.take() ?? [];
    expect(ip).toEqual(parseIp('240.0.1.0').ok && { family: 4, bits: 0xf0000100 });
    expect(ip && prefixHas(mustPrefix('240.0.0.0/24'), ip)).toBe(false);
  });

  it('tell when a prefix for pods is used up', async () => {
    const { warnings } = await world(pod('x') + pod('y'), ['10.0.0.0/31']);
    expect(warnings).toEqual(['pod a/y has no address: --pod-cidr is used up']);
  });
});
