import { afterAll, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from './fake-api.ts';
import { fakeSocket } from './fake-socket.ts';
import { muslinctl } from './test-context.ts';

const SEEN = Date.parse('2026-03-01T11:00:00.000Z');
const at = (ms: number) => new Date(SEEN + ms).toISOString();
const node = (name: string) => ({ metadata: { name }, status: { addresses: [] } });
const pod = (name: string, nodeName: string, ip: string) => ({
  metadata: { namespace: 'shop', name, uid: name, labels: { app: 'db' } },
  spec: { nodeName, containers: [{ name: 'c' }] },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
});
const policy = (name: string, resourceVersion: string, ingress: readonly object[] = []) => ({
  metadata: { namespace: 'shop', name, uid: `u-${name}`, generation: 2, resourceVersion },
  spec: { podSelector: { matchLabels: { app: 'db' } }, policyTypes: ['Ingress'], ingress },
});
const report = (name: string, through: string, policies: readonly object[], more: object = {}) => ({
  metadata: { name },
  status: {
    policies,
    appliedThrough: [{ kind: 'NetworkPolicy', resourceVersion: through }],
    pods: name === 'n1' ? ['shop/db-1'] : name === 'n2' ? ['shop/db-2'] : [],
    conditions: [{ type: 'Enforced', status: 'True', reason: 'ReadBack', message: '' }],
    ...more,
  },
});
const enforced = (resourceVersion: string, seenAt: number, enforcedAt: number) => ({
  policy: 'knp/shop/db',
  uid: 'u-db',
  generation: Number(resourceVersion) - 38,
  resourceVersion,
  seenAt: at(seenAt),
  enforcedAt: at(enforcedAt),
  pods: 1,
});

const objects = (statuses: readonly object[], policies = [policy('db', '40')]) => ({
  '/api/v1/namespaces': [{ metadata: { name: 'shop' } }],
  '/api/v1/nodes': [node('n1'), node('n2'), node('n3')],
  '/api/v1/pods': [pod('db-1', 'n1', '10.0.0.1'), pod('db-2', 'n2', '10.0.1.1')],
  '/apis/networking.k8s.io/v1/networkpolicies': policies,
  '/apis/muslin.dev/v1alpha1/policynodestatuses': statuses as Record<string, unknown>[],
});
const good = [
  report('n1', '40', [enforced('40', 0, 12)]),
  report('n2', '40', [enforced('40', 3, 84)]),
  report('n3', '40', []),
];

const open: FakeApi[] = [];
async function ask(lists: ReturnType<typeof objects>, ...argv: string[]) {
  const api = await fakeApi(lists);
  open.push(api);
  return muslinctl(['policy', 'status', ...argv, '--kubeconfig', api.kubeconfig]);
}
afterAll(() => Promise.all(open.map(api => api.close())));

describe('muslinctl policy status', () => {
  it('counts nodes and pods, and names the slowest node with the time after the first heard of it', async () => {
    const ran = await ask(objects(good), '-o', 'wide');
    expect(ran.stdout).toBe(`\
POLICY                  GENERATION   STATE      NODES   PODS   AFTER   SLOWEST   SINCE   WHY
NetworkPolicy shop/db   2            Enforced   3/3     2/2    84 ms   n2        59m     -
`);
    expect(ran.code).toBe(0);
  });

  it('is no answer of yes on the word of an agent that tells no more', async () => {
    const last = (lastUpdated: string) => [
      report('n1', '40', [enforced('40', 0, 12)], { lastUpdated }),
      ...good.slice(1),
    ];
    expect((await ask(objects(last('2026-03-01T11:50:00Z')))).code).toBe(0);
    const dead = await ask(objects(last('2026-03-01T11:40:00Z')));
    expect(dead.code).toBe(1);
    expect(dead.stdout).toContain('Pending');
    expect(dead.stdout).toContain('2/3');
    expect(dead.stderr).toBe(
      'node n1: has told nothing since 2026-03-01T11:40:00.000Z: its agent stopped, or does not reach the API server; rules from before stay in its kernel\n',
    );
  });

  it('is no answer of yes while a node is behind, has trouble, or says nothing', async () => {
    const behind = await ask(objects([report('n1', '40', [enforced('39', 0, 12)]), ...good.slice(1)]));
    expect(behind.code).toBe(1);
    expect(behind.stdout).toContain('Pending');
    expect(behind.stdout).toContain('2/3');
    expect(behind.stdout).toContain('n1 enforces version 39, not 40 yet');
    const trouble = { conditions: [{ type: 'Enforced', status: 'False', message: 'the rules are refused' }] };
    const broken = await ask(
      objects([report('n1', '40', [enforced('40', 0, 1)], trouble), ...good.slice(1)]),
    );
    expect(broken.stdout).toContain('n1 the rules are refused');
    const silent = await ask(objects(good.slice(1)));
    expect(silent.stderr).toContain('node n1: has told nothing: is its agent running?');
    expect([broken.code, silent.code]).toEqual([1, 1]);
    expect((await ask(objects([]))).stdout).toContain('Unknown');
  });

  it('shows a policy that is wrong as rejected with its place, whatever nodes say', async () => {
    const wrong = policy('db', '40', [{ ports: [{ port: 80, endPort: 70 }] }]);
    const ran = await ask(objects(good, [wrong]));
    expect(ran.stdout).toMatch(/Rejected +0\/3 +0\/0.*spec\.ingress\[0\]\.ports\[0\]/);
    expect(ran.stdout).not.toContain('Enforced');
    expect(ran.code).toBe(1);
  });

  it('keeps what is wrong with one NetworkPolicy from the one of the same name in the other API group', async () => {
    const kubernetes = policy('db', '40', [{ ports: [{ port: 80, endPort: 70 }] }]);
    const calico = { metadata: kubernetes.metadata, spec: { ingress: [{ action: 'Allow', http: {} }] } };
    const lists = {
      ...objects(good, [kubernetes]),
      '/apis/projectcalico.org/v3/networkpolicies': [calico],
    };
    const ran = await ask(lists, '-o', 'json');
    const rows = JSON.parse(ran.stdout) as { readonly findings: readonly { readonly path: string }[] }[];
    const paths = rows.map(({ findings }) => findings.map(({ path }) => path)).toSorted();
    expect(paths).toEqual([['spec.ingress[0].http'], ['spec.ingress[0].ports[0].endPort']]);
  });

  it('gives the same as data, and helps with names', async () => {
    const ran = await ask(objects(good), 'db', '-o', 'json');
    expect(JSON.parse(ran.stdout)).toMatchObject([
      {
        ...{ kind: 'NetworkPolicy', namespace: 'shop', name: 'db', generation: 2, state: 'Enforced' },
        nodes: { done: 3, all: 3 },
        pods: { done: 2, all: 2 },
        slowest: { node: 'n2', afterMilliseconds: 84 },
      },
    ]);
    const unknown = await ask(objects(good), 'dB');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('there is no policy dB here');
  });
});

describe('muslinctl policy counters', () => {
  const row = (namespace: string | undefined, name: string, packets: number) => ({
    ...{
      kind: 'NetworkPolicy',
      ...(namespace !== undefined && { namespace }),
      name,
      rule: 'spec.ingress[0]',
    },
    ...{ direction: 'ingress', action: 'Allow', packets, bytes: packets * 60 },
  });
  const told = async (...argv: string[]) => {
    const rows = [
      row('shop', 'db', 7),
      row('office', 'web', 3),
      { ...row(undefined, 'default', 2), kind: 'Tier' },
    ];
    const socket = await fakeSocket({ '/v1/policy-counters': rows });
    const ran = await muslinctl(['policy', 'counters', ...argv, '--socket', socket.path]);
    await socket.close();
    return ran;
  };

  it('shows what a node counted for the rules of a namespace, and for what belongs to none', async () => {
    const ran = await told('-n', 'shop');
    expect(ran.stdout.split('\n').map(line => line.trimEnd().replace(/ {2,}/g, ' | '))).toEqual([
      'POLICY | RULE | DIRECTION | ACTION | PACKETS | BYTES',
      'NetworkPolicy shop/db | spec.ingress[0] | ingress | Allow | 7 | 420',
      'Tier default | spec.ingress[0] | ingress | Allow | 2 | 120',
      '',
    ]);
    expect(ran.code).toBe(0);
  });

  it('says which policy has no counts, and gives data to programs', async () => {
    const ran = await told('db', 'nobody', '-A', '-o', 'json');
    expect(JSON.parse(ran.stdout)).toMatchObject([{ name: 'db', packets: 7 }]);
    expect(ran).toMatchObject({
      code: 1,
      stderr: 'error: no packet has met a rule of policy nobody on this node\n',
    });
  });

  it('says where to ask when no agent answers', async () => {
    const ran = await muslinctl(['policy', 'counters', '--socket', '/nowhere']);
    expect(ran.stderr).toMatch(
      /^error: the agent does not answer at \/nowhere .* muslinctl policy counters -A\n$/,
    );
  });
});
