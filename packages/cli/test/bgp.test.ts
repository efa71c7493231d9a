import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from './fake-api.ts';
import { VERBS } from '../src/verbs/table.ts';
import { fakeSocket } from './fake-socket.ts';
import { muslinctl } from './test-context.ts';

const up = (address: string) => ({
  ...{ address, asNumber: 64512, type: 'NodeMesh', state: 'Established', since: '2026-03-01T09:00:00Z' },
  ...{ families: ['ipv4-unicast'], prefixesReceived: 2, prefixesAccepted: 1, prefixesAdvertised: 3 },
  finding: { code: 'up', severity: 'ok', whose: 'nobody', message: `The session with ${address} is up.` },
});
const refused = 'Nothing listens on 192.0.2.254 port 179: start BGP there.';
const down = {
  ...{ address: '192.0.2.254', asNumber: 64500, type: 'GlobalPeer', state: 'Active' },
  ...{ since: '2026-03-01T11:57:00Z', lastError: 'connect ECONNREFUSED' },
  finding: { code: 'refused', severity: 'problem', whose: 'theirs', message: refused },
};
const fresh = '2026-03-01T11:59:58Z';
const status = (peers: readonly object[], more: object = {}) => ({
  ...{ routerID: '192.0.2.1', asNumber: 64512, peers, routesLearned: 3, lastUpdated: fresh },
  ...more,
});
const route = (prefix: string, peer: string, more: object = {}) => ({
  ...{ prefix, peer, source: peer === '' ? 'own' : 'ibgp', pathId: 0, best: true, stale: false },
  attributes: {
    ...{ origin: 'igp', asPath: [], nextHop: { ip: '192.0.2.2' }, localPref: 100 },
    ...more,
  },
});
const outside = {
  ...{ asPath: [{ kind: 'sequence', asNumbers: [64500, 64501] }], med: 7, communities: [4225761380] },
  largeCommunities: [[64512, 1, 2]],
};

let socket: Awaited<ReturnType<typeof fakeSocket>>;
let api: FakeApi;
const asked: unknown[] = [];
const local = (...argv: string[]) =>
  muslinctl(['bgp', ...argv], { env: { MUSLIN_SPEAKER_SOCKET: socket.path } });
const remote = (...argv: string[]) => muslinctl(['bgp', ...argv, '--kubeconfig', api.kubeconfig]);

beforeAll(async () => {
  socket = await fakeSocket({
    '/v1/status': { node: 'n1', ...status([up('192.0.2.2'), down]) },
    '/v1/peer?peer=192.0.2.2': {
      ...{ id: '192.0.2.2', localIp: '192.0.2.1', remoteId: '192.0.2.2', holdTime: 90, keepaliveTime: 30 },
      ...{ established: 1, capabilities: [{ kind: 'fourOctetAs' }, { kind: 'routeRefresh' }] },
      ...{ messagesIn: { open: 1, update: 2 }, messagesOut: { open: 1, update: 3 } },
      faults: { withdraw: 1, discard: 0, last: 'ORIGIN is missing' },
    },
    '/v1/peer?peer=192.0.2.254': { id: '192.0.2.254' },
    '/v1/explain?prefix=10.99.0.0/16': { prefix: '10.99.0.0/16', lost: [] },
    '/v1/routes': [route('10.244.1.0/26', ''), route('10.244.2.0/26', '192.0.2.2', outside)],
    '/v1/received?peer=192.0.2.2': [route('10.244.2.0/26', '192.0.2.2')],
    '/v1/received?peer=192.0.2.9':
      'peer=192.0.2.9 is no peer of this node: the peers are 192.0.2.2, 192.0.2.254',
    '/v1/advertised?peer=192.0.2.254': [],
    '/v1/explain?prefix=10.244.2.0/26': {
      prefix: '10.244.2.0/26',
      winner: route('10.244.2.0/26', '192.0.2.2'),
      alsoUsed: [route('10.244.2.0/26', '192.0.2.3')],
      lost: [
        {
          ...route('10.244.2.0/26', '192.0.2.4', outside),
          ...{ lostBecause: 'as-path-length', words: 'its AS path is longer (RFC 4271 §9.1.2.2 a)' },
        },
      ],
      told: ['192.0.2.254'],
      withheld: [
        { peer: '192.0.2.2', because: 'it came from this peer' },
        { peer: '192.0.2.4', because: 'no-export' },
      ],
      fib: { state: 'installed', words: 'in the kernel: unicast 10.244.2.0/26 via 192.0.2.2' },
    },
    '/v1/explain?prefix=10.9.0.0/16': {
      ...{ prefix: '10.9.0.0/16', alsoUsed: [], lost: [], told: [], withheld: [] },
      fib: { state: 'absent', words: 'the kernel has no route to exactly this prefix' },
    },
  });
  const rows = [
    {
      ...{ type: 'FIB', destination: '10.244.2.0/26', gateway: '192.0.2.2', interface: 'eth0' },
      learnedFrom: { sourceType: 'NodeMesh', peerIP: '192.0.2.2' },
    },
    { type: 'FIB', destination: '192.0.2.0/24', interface: 'eth0', learnedFrom: { sourceType: 'Direct' } },
  ];
  const answer = { metadata: { name: 'any' }, status: { lastUpdated: fresh, routes: { routesV4: rows } } };
  api = await fakeApi(
    {
      '/apis/muslin.dev/v1alpha1/bgpnodestatuses': [
        { metadata: { name: 'n1' }, status: status([up('192.0.2.2'), down]) },
        {
          metadata: { name: 'n2' },
          status: status([up('192.0.2.1')], { lastUpdated: '2026-03-01T10:00:00Z' }),
        },
        {
          metadata: { name: 'n4' },
          status: status([], {
            routerID: '192.0.2.4',
            conditions: [{ type: 'PeersConfigured', status: 'False', message: 'BGPPeer x: no such filter' }],
          }),
        },
      ],
      '/api/v1/nodes': ['n1', 'n2', 'n3', 'n4'].map(name => ({ metadata: { name } })),
      get '/apis/projectcalico.org/v3/caliconodestatuses'() {
        // The node answers whatever was asked.
        return asked.map(question => ({ ...answer, ...(question as object), status: answer.status }));
      },
    },
    ({ method, path, body }) => {
      // A cluster of an earlier version, or of Calico.
      if (path.includes('bgpquestions')) return { status: 404, body: { reason: 'NotFound', code: 404 } };
      if (method === 'POST') asked.push(body);
      if (method === 'DELETE') asked.pop();
      return undefined;
    },
  );
});
afterAll(async () => {
  await socket.close();
  await api.close();
});

interface Question {
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation: number };
  readonly spec: { readonly about: string; readonly after?: string };
}

/** An API with a speaker behind it that tells one route a page. */
async function speakingApi() {
  const questions: Question[] = [];
  let open: Question | undefined;
  const rows = [1, 2, 3].map(n => route(`10.244.${n}.0/26`, ''));
  const answered = (question: Question) => {
    const { about, after } = question.spec;
    const at = rows.findIndex(({ prefix }) => prefix === after) + 1;
    const more = at < rows.length - 1 ? { more: rows[at]?.prefix } : {};
    const said =
      about === 'Explain'
        ? { mistake: 'explain is no list here' }
        : { answer: JSON.stringify([rows[at]]), ...more };
    return { ...question, status: { ...said, observedGeneration: question.metadata.generation } };
  };
  const put = (question: Question) => {
    open = question;
    questions.push(question);
    return { status: 200, body: { ...question } };
  };
  const served = await fakeApi(
    {
      '/api/v1/nodes': [{ metadata: { name: 'n1' } }],
      get '/apis/muslin.dev/v1alpha1/bgpquestions'() {
        return open === undefined ? [] : [answered(open)];
      },
    },
    ({ method, body }) => {
      if (method === 'DELETE') open = undefined;
      else if (method === 'POST')
        return put({ ...(body as Question), metadata: { name: 'n1', uid: 'u', generation: 1 } });
      else if (open !== undefined) {
        const { metadata, spec } = open;
        const more = (body as Question).spec;
        return put({
          metadata: { ...metadata, generation: metadata.generation + 1 },
          spec: { ...spec, ...more },
        });
      }
      return undefined;
    },
  );
  return { api: served, questions, left: () => (open === undefined ? 0 : 1) };
}

describe('muslinctl bgp on a node', () => {
  it('shows its sessions, and with -o wide the families and what was accepted', async () => {
    const ran = await local('peers', '-o', 'wide', '--socket', socket.path);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe(`\
NODE   PEER          ASN     TYPE         STATE         SINCE   RECEIVED   ACCEPTED   ADVERTISED   FAMILIES       INFO
n1     192.0.2.2     64512   NodeMesh     Established   3h      2          1          3            ipv4-unicast   -
n1     192.0.2.254   64500   GlobalPeer   Active        3m      <none>     <none>     <none>       <none>         ${refused}
`);
  });

  it('shows one session in full', async () => {
    const ran = await local('peer', '192.0.2.2');
    expect(ran.code).toBe(0);
    expect(ran.stdout).toBe(`\
Node:           n1
Peer:           192.0.2.2
AS:             64512
Type:           NodeMesh
State:          Established for 3h
Finding:        The session with 192.0.2.2 is up.
Families:       ipv4-unicast
Prefixes:       2 received, 1 accepted, 3 advertised
Local address:  192.0.2.1
Router ID:      192.0.2.2
Hold time:      90 s, keepalives each 30 s
Times up:       1
Messages in:    1 open, 2 update
Messages out:   1 open, 3 update
Faulty UPDATEs: 1 taken as withdraws, 0 lost an attribute; last: ORIGIN is missing
Capabilities:   fourOctetAs, routeRefresh
`);
    expect((await local('peer', '192.0.2.254')).code).toBe(1);
    expect(await local('peer', '192.0.2.9')).toMatchObject({
      code: 2,
      stderr: 'error: 192.0.2.9 is no peer of n1: its peers are 192.0.2.2, 192.0.2.254\n',
    });
    expect((await local('peer', 'nonsense')).code).toBe(2);
  });

  it('shows routes, all or one', async () => {
    const ran = await local('routes', '-o', 'wide');
    expect(ran.stdout).toBe(
      `\
PREFIX          NEXT HOP    FROM        SOURCE   LOCAL-PREF   MED   AS PATH       ORIGIN   COMMUNITIES           NOTE
10.244.1.0/26   192.0.2.2   this node   own      100          -     -             igp      -                     best
10.244.2.0/26   192.0.2.2   192.0.2.2   ibgp     100          7     64500 64501   igp      64480:100 64512:1:2   best
`,
    );
    const one = await local('routes', '10.244.2.0/26', '-o', 'json');
    expect(JSON.parse(one.stdout)).toHaveLength(1);
    expect(await local('routes', '10.99.0.0/16')).toEqual({
      ...{ code: 1, stdout: '' },
      stderr: 'error: BGP knows no route to 10.99.0.0/16\n',
    });
    expect((await local('routes', 'nonsense')).code).toBe(2);
  });

  it('shows what a peer told and is told, and names the peers when there is no such one', async () => {
    expect((await local('received', '192.0.2.2')).stdout).toContain('10.244.2.0/26');
    expect(await local('advertised', '192.0.2.254')).toMatchObject({
      code: 1,
      stderr: 'error: 192.0.2.254 is told no routes\n',
    });
    const unknown = await local('received', '192.0.2.9');
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain('the peers are 192.0.2.2, 192.0.2.254');
  });

  it('explains a prefix: winner, losers, kernel, who is told and who is not', async () => {
    const ran = await local('explain', '10.244.2.0/26');
    expect(ran.code).toBe(0);
    expect(ran.stdout).toBe(`\
10.244.2.0/26 is reached through 192.0.2.2, as 192.0.2.2 says (ibgp, same AS, LOCAL_PREF 100).
  shares the traffic: by 192.0.2.3 through 192.0.2.2 (ibgp, same AS, LOCAL_PREF 100)
Kernel: in the kernel: unicast 10.244.2.0/26 via 192.0.2.2.
Not used:
  by 192.0.2.4 through 192.0.2.2 (ibgp, AS path 64500 64501, LOCAL_PREF 100, MED 7): its AS path is longer (RFC 4271 §9.1.2.2 a)
Told to: 192.0.2.254.
Not told to:
  192.0.2.2: it came from this peer
  192.0.2.4: the community NO_EXPORT keeps it inside our AS (RFC 1997)
`);
    expect(await local('explain', '10.9.0.0/16')).toEqual({
      ...{ code: 1, stderr: '' },
      stdout:
        '10.9.0.0/16 has no route that can be used: nobody told one.\nKernel: the kernel has no route to exactly this prefix.\n',
    });
  });

  it('tells where it looked when nobody listens', async () => {
    const ran = await local('routes', '--socket', '/nowhere/speaker.sock');
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toMatch(/^error: no speaker listens at \/nowhere\/speaker\.sock: .*--node NAME\n$/);
  });

  it('completes peers of this node', async () => {
    const ran = await muslinctl(['__complete', '--', 'bgp', 'peer', ''], {
      env: { MUSLIN_SPEAKER_SOCKET: socket.path },
    });
    expect(ran.stdout).toBe('192.0.2.2\n192.0.2.254\n');
  });
});

describe('muslinctl bgp through the API', () => {
  it('asks a node for its routes, and leaves no question behind', async () => {
    const ran = await remote('routes', '--node', 'n1');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toBe(`\
PREFIX          GATEWAY     INTERFACE   FROM       PEER        KERNEL
10.244.2.0/26   192.0.2.2   eth0        NodeMesh   192.0.2.2   yes
`);
    const [post, remove] = api.writes.slice(-2);
    expect(post?.body).toMatchObject({ spec: { node: 'n1', classes: ['Routes'], updatePeriodSeconds: 0 } });
    expect(remove?.method).toBe('DELETE');
    expect(asked).toEqual([]);
    expect((await remote('explain', '192.0.2.0/24', '--node', 'n1')).stdout).toContain('Direct');
    expect((await remote('received', '192.0.2.3', '--node', 'n1')).code).toBe(1);
  });

  it('asks our speaker page by page, and takes the question away', async () => {
    const ours = await speakingApi();
    const ask = (...argv: string[]) => muslinctl(['bgp', ...argv, '--kubeconfig', ours.api.kubeconfig]);
    const ran = await ask('advertised', '192.0.2.2', '--node', 'n1');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout.match(/10\.244\.[123]\.0\/26/g)).toHaveLength(3);
    expect(
      JSON.parse((await ask('received', 'fe80::1%eth0', '--node', 'n1', '-o', 'json')).stdout),
    ).toHaveLength(3);
    expect(ours.questions.map(({ spec }) => spec)).toEqual([
      { about: 'Advertised', peer: '192.0.2.2' },
      { about: 'Advertised', peer: '192.0.2.2', after: '10.244.1.0/26' },
      { about: 'Advertised', peer: '192.0.2.2', after: '10.244.2.0/26' },
      { about: 'Received', peer: 'fe80::1%eth0' },
      { about: 'Received', peer: 'fe80::1%eth0', after: '10.244.1.0/26' },
      { about: 'Received', peer: 'fe80::1%eth0', after: '10.244.2.0/26' },
    ]);
    expect(ours.left()).toBe(0);
    expect(await ask('explain', '10.0.0.0/8', '--node', 'n1')).toMatchObject({
      ...{ code: 2, stdout: '' },
      stderr: 'error: explain is no list here\n',
    });
    expect(await ask('routes', '--node', 'n9')).toMatchObject({
      code: 2,
      stderr: 'error: there is no node n9\n',
    });
    await ours.api.close();
  });

  it('shows what a node reports of a session', async () => {
    const ran = await remote('peer', '192.0.2.254', '--node', 'n1');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain(`Finding:  ${refused}\n`);
    expect((await remote('peer', '192.0.2.254', '--node', 'n9')).stderr).toContain('node n9 has reported no');
  });

  it('finds all that is wrong, worst first, a sentence for each', async () => {
    const ran = await remote('doctor');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe(`\
NODE   PEER          FINDING           WHAT TO DO
n3     -             no-report         Node n3 has reported no BGP sessions: check that its speaker runs and may write bgpnodestatuses.muslin.dev.
n1     192.0.2.254   refused           ${refused}
n2     -             old-report        Node n2 last reported at 2026-03-01T10:00:00.000Z: its speaker stopped, or does not reach the API server; what it says of sessions may be old.
n4     -             not-in-effect     BGPPeer x: no such filter
n1     -             router-id-twice   Nodes n1, n2 all have the router ID 192.0.2.1: check their BGP addresses (annotation projectcalico.org/IPv4Address) and BGPConfigurations.

Not all is well: 2 of 3 sessions are up on 3 nodes.
`);
    const data = JSON.parse((await remote('doctor', 'n1', '-o', 'json')).stdout);
    expect(data).toEqual([
      { node: 'n1', peer: '192.0.2.254', code: 'refused', severity: 'problem', message: refused },
    ]);
  });

  it('says that all is well when it is', async () => {
    const well = await fakeApi({
      '/apis/muslin.dev/v1alpha1/bgpnodestatuses': [
        { metadata: { name: 'n1' }, status: status([up('192.0.2.2')]) },
      ],
      '/api/v1/nodes': [{ metadata: { name: 'n1' } }],
    });
    const ran = await muslinctl(['bgp', 'doctor', '--kubeconfig', well.kubeconfig]);
    await well.close();
    expect(ran).toEqual({ code: 0, stderr: '', stdout: 'All is well: 1 of 1 session is up on 1 node.\n' });
  });
});

describe('what is written about muslinctl bgp', () => {
  const root = new URL('../../../', import.meta.url);
  const pages = ['docs/network-engineers.md', 'docs/operations.md', 'docs/getting-started.md'];
  const shown = pages.flatMap(page =>
    [...readFileSync(new URL(page, root), 'utf8').matchAll(/^(muslinctl bgp [^#`\n]+)/gm)].map(
      ([, line = '']) => line,
    ),
  );
  const examples = VERBS.filter(({ name }) => name.startsWith('bgp ')).flatMap(verb => verb.examples);

  it('is there', () => {
    expect(shown.length).toBeGreaterThan(8);
    expect(examples.length).toBeGreaterThan(15);
  });

  it.each([...new Set([...shown, ...examples].map(line => line.trim()))])('is understood: %s', async line => {
    const words = line.split(/ +/).slice(1);
    const files = words
      .map(word => (/\.mrt$/.test(word) ? '/dev/null' : word))
      .filter(word => word !== '--updates');
    const env = { MUSLIN_SPEAKER_SOCKET: socket.path, KUBECONFIG: api.kubeconfig };
    const ran = await muslinctl(files, { env });
    expect(ran.stderr).not.toMatch(/unknown|missing|too many|choices|argument/);
    // No such peer, node or journal is what 2 may mean here.
    if (ran.code === 2)
      expect(ran.stderr).toMatch(/is no peer of|there is no node|no such file|no such page/);
  });
});
