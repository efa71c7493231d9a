import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { crdOf, KINDS } from '@muslin/api';
import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enrolledIdentity } from '../../packages/agent/src/fanout/identity.ts';
import { StreamClient, type StreamMessage } from '../../packages/agent/src/fanout/stream-client.ts';
import { AUTHORITY_MAP, AUTHORITY_SECRET } from '../../packages/controller/src/fanout/authority.ts';
import { serveFanout } from '../../packages/controller/src/fanout/serve-fanout.ts';
import {
  type ApiServer,
  kubeconfigText,
  makeCertificates,
  startApiServer,
} from '../../packages/lab/src/apiserver/index.ts';
import { until } from '../../packages/lab/src/until.ts';

const AGENT = 'system:serviceaccount:kube-system:muslin-node';
const NODE = 'authentication.kubernetes.io/node-name';
const POD = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';
const bound = (user: string, extra: Readonly<Record<string, string>>, audience = 'muslin-fanout') => ({
  ...{ user, audience, groups: [] },
  extra: Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, [value]])),
});

const folder = mkdtempSync(`${tmpdir()}/msl-enrol-`);
const log: string[] = [];
let api: ApiServer;
let client: KubeClient;
let serving: Awaited<ReturnType<typeof serveFanout>>;
let pod: AnyObject;

beforeAll(async () => {
  const made = await makeCertificates({ dns: ['localhost'], ips: ['127.0.0.1'] });
  const tokens = new Map<string, ReturnType<typeof bound> | { user: string; groups: string[] }>([
    ['admin', { user: 'admin', groups: ['system:masters'] }],
    ['n1', bound(AGENT, { [NODE]: 'n1' })],
    ['other-account', bound('system:serviceaccount:shop:web', { [NODE]: 'n1' })],
    ['other-audience', bound(AGENT, { [NODE]: 'n1' }, 'vault')],
    ['unbound', bound(AGENT, {})],
    ['by-pod', bound(AGENT, { [POD]: 'muslin-node-x', [POD_UID]: 'to be known' })],
    ['old-pod', bound(AGENT, { [POD]: 'muslin-node-x', [POD_UID]: 'another' })],
  ]);
  api = await startApiServer({
    ...{ listeners: [{ host: '127.0.0.1', port: 0 }], tokens },
    tls: { cert: made.certPem, key: made.keyPem, ca: made.caPem },
  });
  const server = `https://127.0.0.1:${api.addresses[0]?.port}`;
  const config = kubeconfigText({ server, caPem: made.caPem, token: 'admin', name: 'enrol' });
  writeFileSync(`${folder}/kubeconfig`, config, { mode: 0o600 });
  const connection = loadKubeconfig({ path: `${folder}/kubeconfig` });
  if (!connection.ok) throw new Error(connection.fault.message);
  client = new KubeClient(connection.value);
  for (const kind of KINDS)
    await client.create(RESOURCES.CustomResourceDefinition, crdOf(kind) as unknown as AnyObject);
  const object = {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { namespace: 'kube-system', name: 'muslin-node-x' },
    spec: { nodeName: 'n2', containers: [{ name: 'agent', image: 'muslin' }] },
  };
  const created = await client.create<AnyObject>(RESOURCES.Pod, object);
  if (!created.ok) throw new Error(created.fault.message);
  pod = created.value;
  tokens.set('by-pod', bound(AGENT, { [POD]: 'muslin-node-x', [POD_UID]: String(pod.metadata.uid) }));
  serving = await serveFanout(
    client,
    {
      ...{ host: '127.0.0.1', port: 0, namespace: 'kube-system' },
      identity: { type: 'cluster', account: 'muslin-node' },
    },
    line => log.push(line),
  );
  const ca = await client.get<AnyObject>(RESOURCES.ConfigMap, {
    ...{ namespace: 'kube-system', name: AUTHORITY_MAP },
  });
  if (!ca.ok) throw new Error(ca.fault.message);
  writeFileSync(`${folder}/ca.crt`, (ca.value['data'] as Record<string, string>)['ca.crt'] ?? '');
});
afterAll(async () => {
  await serving?.stop();
  await client?.close();
  await api?.close();
  rmSync(folder, { recursive: true, force: true });
});

const target = () => ({ host: '127.0.0.1', port: serving.port, serverName: 'muslin-controller' });
/** What an agent of a node gets with a token. */
function identity(node: string, token: string, now?: () => number) {
  writeFileSync(`${folder}/${token}`, `${token}\n`);
  return enrolledIdentity(node, target(), { token: `${folder}/${token}`, ca: `${folder}/ca.crt` }, now);
}

describe('an agent that asks a controller for a certificate', () => {
  it.each([
    ['n1', 'n1'],
    ['n2', 'by-pod'],
  ])('gets one for node %s with the token %s', async (node, token) => {
    expect(await identity(node, token)()).toMatchObject({
      value: { cert: expect.stringContaining('BEGIN CERTIFICATE') },
    });
  });

  it.each([
    ['n1', 'nobody', 'the API server does not know the agent’s token'],
    ['n1', 'other-audience', 'the API server does not know the agent’s token'],
    ['n1', 'other-account', `the token is of system:serviceaccount:shop:web, not of ${AGENT}`],
    ['n2', 'n1', 'the token is bound to node n1, not to n2'],
    ['n1', 'by-pod', 'the token is bound to node n2, not to n1'],
    ['n1', 'unbound', 'the token is bound to no node and no pod'],
    ['n2', 'old-pod', 'pod kube-system/muslin-node-x is another one than the token is bound to'],
  ])('gets none for node %s with the token %s, and is told why', async (node, token, why) => {
    const got = await identity(node, token)();
    expect(got).toMatchObject({ ok: false, fault: expect.stringContaining(why.replace('’', "'")) });
    expect(log.join('\n')).not.toContain('BEGIN');
  });

  it('keeps it, and asks for the next one when two thirds of its time are over', async () => {
    let now = Date.now();
    const mine = identity('n1', 'n1', () => now);
    const certOf = async () => {
      const got = await mine();
      return got.ok ? got.value.cert : undefined;
    };
    const first = await certOf();
    now += 15 * 3_600_000;
    expect(await certOf()).toBe(first);
    now += 2 * 3_600_000;
    expect(await certOf()).not.toBe(first);
  });

  it('is served its node with it, by every replica: they share one authority', async () => {
    const second = await serveFanout(
      client,
      {
        ...{ host: '127.0.0.1', port: 0, namespace: 'kube-system' },
        identity: { type: 'cluster', account: 'muslin-node' },
      },
      line => log.push(line),
    );
    const mine = identity('n2', 'by-pod');
    await mine();
    const messages: StreamMessage[] = [];
    const stream = new StreamClient({
      ...{ node: 'n2', target: { ...target(), port: second.port }, identity: mine },
      onMessage: message => messages.push(message),
      onFault: fault => log.push(fault),
    });
    try {
      stream.start();
      const told = await until(
        async () => messages.some(({ whole }) => whole),
        held => held,
        10_000,
        20,
      );
      expect([told.held, log.slice(-3)]).toEqual([true, expect.anything()]);
      expect(JSON.stringify(messages)).toContain('muslin-node-x');
      expect(second.status.enrolled).toBe(0);
    } finally {
      stream.stop();
      await second.stop();
    }
  });

  it('never sees the key of the authority: it is in a Secret, and the ConfigMap has the certificate alone', async () => {
    const name = { namespace: 'kube-system', name: AUTHORITY_SECRET };
    const secret = await client.get<AnyObject>(RESOURCES.Secret, name);
    expect(secret).toMatchObject({ value: { type: 'kubernetes.io/tls' } });
    const map = await client.get<AnyObject>(RESOURCES.ConfigMap, { ...name, name: AUTHORITY_MAP });
    expect(map.ok && Object.keys(map.value['data'] as object)).toEqual(['ca.crt']);
    expect(JSON.stringify(map)).not.toContain('PRIVATE');
  });
});
