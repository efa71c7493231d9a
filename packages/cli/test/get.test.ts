import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from './fake-api.ts';
import { muslinctl, type Ran } from './test-context.ts';

const calico = '/apis/projectcalico.org/v3';
const object = (name: string, spec: object, more: object = {}) => ({
  metadata: { name, ...more },
  spec,
});
const node = (name: string, annotations: object, ready: string, addresses: readonly object[] = []) => ({
  metadata: { name, annotations },
  status: { conditions: [{ type: 'Ready', status: ready }], addresses },
});
const allocations = (used: number) => Array.from({ length: 64 }, (_, i) => (i < used ? i : null));

let api: FakeApi;
const get = (...argv: string[]): Promise<Ran> => muslinctl(['get', ...argv, '--kubeconfig', api.kubeconfig]);

beforeAll(async () => {
  api = await fakeApi({
    '/api/v1/nodes': [
      node(
        'n1',
        { 'projectcalico.org/IPv4Address': '192.0.2.1/24', 'projectcalico.org/ASNumber': '65001' },
        'True',
      ),
      node('worker-2', {}, 'False', [
        { type: 'InternalIP', address: '192.0.2.2' },
        { type: 'InternalIP', address: '2001:db8::2' },
      ]),
    ],
    '/api/v1/namespaces': [{ metadata: { name: 'shop', labels: { team: 'sales' } } }],
    '/api/v1/serviceaccounts': [{ metadata: { name: 'api', namespace: 'shop' } }],
    '/api/v1/pods': [
      {
        metadata: { name: 'web-1', namespace: 'shop', labels: { app: 'web' } },
        spec: { nodeName: 'n1', containers: [] },
        status: { phase: 'Running', podIP: '10.1.0.5', podIPs: [{ ip: '10.1.0.5' }, { ip: 'fd00::5' }] },
      },
      {
        metadata: { name: 'done', namespace: 'shop' },
        spec: { nodeName: 'n1', containers: [] },
        status: { phase: 'Succeeded', podIP: '10.1.0.6' },
      },
    ],
    [`${calico}/ippools`]: [
      object('default', { cidr: '10.1.0.0/16', natOutgoing: true, nodeSelector: "zone == 'a'" }),
      object('v6', { cidr: 'fd00::/48', vxlanMode: 'CrossSubnet', disabled: true }, { managedFields: [{}] }),
    ],
    [`${calico}/ipamblocks`]: [
      object('10-1-0-0-26', { cidr: '10.1.0.0/26', affinity: 'host:n1', allocations: allocations(3) }),
      object('10-1-0-64-26', { cidr: '10.1.0.64/26', allocations: allocations(0) }),
    ],
    [`${calico}/blockaffinities`]: [
      object('n1-10-1-0-0-26', { cidr: '10.1.0.0/26', node: 'n1', state: 'confirmed', type: 'host' }),
    ],
    [`${calico}/bgppeers`]: [
      object('tor', { peerIP: '192.0.2.254', asNumber: 64500, nodeSelector: 'has(rack)' }),
      object('rr', { peerSelector: "role == 'rr'" }),
    ],
    [`${calico}/tiers`]: [object('default', { order: 1000000 }), object('security', { order: 100 })],
    [`${calico}/networkpolicies`]: [
      object('default.db', { tier: 'default', order: 10, selector: "app == 'db'" }, { namespace: 'shop' }),
    ],
    '/apis/networking.k8s.io/v1/networkpolicies': [
      object('web', { podSelector: { matchLabels: { app: 'web' } } }, { namespace: 'shop' }),
      object('all', { podSelector: {} }, { namespace: 'other' }),
    ],
    [`${calico}/networksets`]: [],
  });
});
afterAll(() => api.close());

describe('muslinctl get', () => {
  it('shows nodes with their AS number, addresses and readiness', async () => {
    const ran = await get('nodes');
    expect(ran.stdout).toBe(`\
NAME       ASN         IPV4           IPV6          READY
n1         65001       192.0.2.1/24   <none>        yes
worker-2   (default)   192.0.2.2      2001:db8::2   no
`);
    expect(ran.code).toBe(0);
  });

  it('adds the blocks of each node with -o wide', async () => {
    expect((await get('no', '-o', 'wide')).stdout).toBe(`\
NAME       ASN         IPV4           IPV6          READY   POD BLOCKS
n1         65001       192.0.2.1/24   <none>        yes     10.1.0.0/26
worker-2   (default)   192.0.2.2      2001:db8::2   no      <none>
`);
  });

  it('shows blocks with what is in use, and whether their node owns them', async () => {
    expect((await get('blocks')).stdout).toBe(`\
CIDR           NODE     IN USE   FREE   AFFINITY STATE
10.1.0.0/26    n1       3        61     confirmed
10.1.0.64/26   <none>   0        64     none
`);
  });

  it('shows pools as calicoctl does, narrow and wide', async () => {
    expect((await get('ippool')).stdout).toBe(`\
NAME      CIDR          SELECTOR
default   10.1.0.0/16   zone == 'a'
v6        fd00::/48     all()
`);
    expect((await get('ipp', '-owide')).stdout).toBe(`\
NAME      CIDR          SELECTOR      NAT     IPIPMODE   VXLANMODE     DISABLED   DISABLEBGPEXPORT   ASSIGNMENTMODE
default   10.1.0.0/16   zone == 'a'   true    Never      Never         false      false              Automatic
v6        fd00::/48     all()         false   Never      CrossSubnet   true       false              Automatic
`);
  });

  it('shows policies of Kubernetes and Calico in one table, with namespaces when asked for all', async () => {
    expect((await get('policies', '-A')).stdout).toBe(`\
NAMESPACE   NAME         API                    TIER
shop        web          networking.k8s.io/v1   default
other       all          networking.k8s.io/v1   default
shop        default.db   projectcalico.org/v3   default
`);
    expect((await get('np')).stdout).toBe(`\
NAME         API                    TIER
web          networking.k8s.io/v1   default
default.db   projectcalico.org/v3   default
`);
  });

  it('finds a NetworkPolicy of Kubernetes by the name that calicoctl gives it', async () => {
    expect((await get('policy', 'knp.default.web', '-o', 'name')).stdout).toBe(
      'networkpolicy.networking.k8s.io/web\n',
    );
  });

  it('shows peers, tiers and affinities', async () => {
    expect((await get('bgppeers')).stdout).toBe(`\
NAME   PEERIP         NODE        ASN
tor    192.0.2.254    has(rack)   64500
rr     role == 'rr'   (global)    <none>
`);
    expect((await get('tier')).stdout).toBe(`\
NAME       ORDER
default    1000000
security   100
`);
    expect((await get('affinity')).stdout).toBe(`\
NAME             CIDR          NODE   STATE
n1-10-1-0-0-26   10.1.0.0/26   n1     confirmed
`);
  });

  it('derives workload endpoints from running pods', async () => {
    expect((await get('wep', '-o', 'wide')).stdout).toBe(`\
WORKLOAD   NODE   NETWORKS                  INTERFACE        PROFILES
web-1      n1     10.1.0.5/32,fd00::5/128   msl751425ce827   kns.shop,ksa.shop.default
`);
    expect((await get('wep', 'web-1', '-o', 'custom-columns=N:.metadata.name')).stdout).toBe(
      'N\nn1-k8s-web--1-eth0\n',
    );
  });

  it('gives one named object alone, and several as a List', async () => {
    const one = JSON.parse((await get('ippool', 'default', '-o', 'json')).stdout);
    expect(one).toMatchObject({
      kind: 'IPPool',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'default' },
    });
    const all = await get('ippools', '-o=yaml');
    expect(
      all.stdout.startsWith('apiVersion: v1\nkind: List\nitems:\n  - apiVersion: projectcalico.org/v3\n'),
    ).toBe(true);
  });

  it('leaves out what only the server keeps in mind, as kubectl does', async () => {
    expect(JSON.parse((await get('ippool', 'v6', '-o', 'json')).stdout).metadata).toEqual({ name: 'v6' });
  });

  it('writes custom columns', async () => {
    const ran = await get(
      'ippools',
      '-o',
      'custom-columns=NAME:.metadata.name,CIDR:{.spec.cidr},X:.spec.nothing',
    );
    expect(ran.stdout).toBe(`\
NAME      CIDR          X
default   10.1.0.0/16   <none>
v6        fd00::/48     <none>
`);
  });

  it('writes columns of its own table by their heads, as calicoctl does, and what a path leads to', async () => {
    expect((await get('ippools', '-o', 'custom-columns=name,CIDR')).stdout).toBe(
      'name      CIDR\ndefault   10.1.0.0/16\nv6        fd00::/48\n',
    );
    expect(await get('ippools', '-o', 'custom-columns=NAME,SIZE')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no column SIZE; choose of NAMESPACE, NAME, CIDR'),
    });
    const path = '{range .items[*]}{.metadata.name}={.spec.cidr};{end}';
    expect((await get('ippools', '-o', `jsonpath=${path}`)).stdout).toBe(
      'default=10.1.0.0/16;v6=fd00::/48;\n',
    );
    expect((await get('ippool', 'v6', '-o=jsonpath={.spec.cidr}')).stdout).toBe('fd00::/48\n');
    const go = '{{range .items}}{{.metadata.name}} {{end}}';
    expect((await get('ippools', '-o', `go-template=${go}`)).stdout).toBe('default v6 \n');
    expect((await get('ippools', '-o', 'go-template-file=/nowhere')).code).toBe(2);
    expect((await get('ippools', '-o', 'jsonpath={.items[')).code).toBe(2);
  });

  it("shows namespaces and service accounts as Calico's profiles", async () => {
    expect((await get('profiles')).stdout).toBe('NAME\nkns.shop\nksa.shop.api\n');
    const [one] = JSON.parse((await get('pro', '-o', 'json')).stdout).items;
    expect(one.spec).toEqual({
      ingress: [{ action: 'Allow' }],
      egress: [{ action: 'Allow' }],
      labelsToApply: { 'pcns.team': 'sales', 'pcns.projectcalico.org/name': 'shop' },
    });
  });

  it('exports without what the cluster put there', async () => {
    expect(JSON.parse((await get('ippool', 'v6', '--export', '-o', 'json')).stdout)).toEqual({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: 'v6' },
      spec: { cidr: 'fd00::/48', vxlanMode: 'CrossSubnet', disabled: true },
    });
  });

  it('gets what files name', async () => {
    const text = ['default', 'nope']
      .map(name => `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: ${name}}\n`)
      .join('---\n');
    const ran = await muslinctl(['get', '-f', '-', '--kubeconfig', api.kubeconfig], { stdin: text });
    expect(ran.stdout).toContain('10.1.0.0/16');
    expect(ran.stdout).not.toContain('fd00::/48');
    expect(ran).toMatchObject({ code: 1, stderr: 'error: ippool "nope" is not there.\n' });
    expect(await get()).toMatchObject({ code: 2, stderr: expect.stringContaining('name files with -f') });
  });

  it('passes namespace and label selector to the server', async () => {
    await get('netset', '-n', 'other', '-l', 'app=web');
    expect(api.reads.at(-1)).toContain(`${calico}/namespaces/other/networksets?`);
    expect(api.reads.at(-1)).toContain('labelSelector=app%3Dweb');
  });

  it('asks about several kinds at once: a table each, and one answer in every other form', async () => {
    const both = await get('ippools,bgppeers');
    expect(both.stdout).toMatch(
      /^NAME +CIDR[\s\S]*\nippool\.projectcalico\.org\/v6 [\s\S]*\n\nNAME +PEERIP[\s\S]*\nbgppeer\.projectcalico\.org\/rr /,
    );
    const named = await get('ippool/v6', 'bgppeer/tor', 'ippool/default', '-o', 'name');
    expect(named.stdout).toBe(
      'ippool.projectcalico.org/v6\nippool.projectcalico.org/default\nbgppeer.projectcalico.org/tor\n',
    );
    const list = JSON.parse((await get('ippools,bgppeers', '-o', 'json')).stdout);
    expect(list.items.map((item: { kind: string }) => item.kind)).toEqual([
      ...['IPPool', 'IPPool', 'BGPPeer', 'BGPPeer'],
    ]);
    expect(await get('ippool/nope', 'bgppeer/tor')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('bgppeer.projectcalico.org/tor'),
      stderr: 'error: ippool "nope" is not there.\n',
    });
    expect((await get('ippools', 'bgppeer/tor')).stderr).toContain('write KIND/NAME everywhere');
    expect((await get('ippools,nope')).stderr).toContain('there is no kind "nope"');
    expect((await get('ippools,bgppeers', '-w')).stderr).toContain('one kind, not several');
  });

  it('sorts, shows labels, and leaves heads out, as kubectl does', async () => {
    const names = async (...words: readonly string[]) =>
      (await get(...words, '-o', 'name')).stdout
        .trim()
        .split('\n')
        .map(line => line.split('/')[1]);
    expect(await names('ippools', '--sort-by=.spec.cidr')).toEqual(['default', 'v6']);
    expect(await names('ippools', '--sort-by', '{.spec.natOutgoing}')).toEqual(['v6', 'default']);
    expect((await get('ippools', '--no-headers')).stdout).not.toContain('NAME');
    const labels = await get('wep', '--show-labels', '-L', 'app,projectcalico.org/namespace');
    expect(labels.stdout.split('\n')[0]).toMatch(/ APP +NAMESPACE +LABELS$/);
    expect(labels.stdout).toMatch(/ web +shop +app=web,/);
  });

  it('passes field selector and page size to the server', async () => {
    await get('tiers', '--field-selector', 'metadata.name=a', '--chunk-size', '7');
    expect(api.reads.at(-1)).toContain('limit=7');
    expect(api.reads.at(-1)).toContain('fieldSelector=metadata.name%3Da');
    await get('tiers', '--chunk-size=0');
    expect(api.reads.at(-1)).toContain('limit=0');
    expect((await get('tiers', '--chunk-size=many')).code).toBe(2);
  });

  it('says that nothing is there without failing', async () => {
    expect(await get('networksets')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'No resources found in namespace shop.\n',
    });
    expect((await get('networksets', '-o', 'json')).stdout).toBe(
      '{\n  "apiVersion": "v1",\n  "kind": "List",\n  "items": []\n}\n',
    );
  });

  it('fails for a name that is not there, shows the others, and guesses what was meant', async () => {
    const ran = await get('ippool', 'defalt', 'v6');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe('NAME   CIDR        SELECTOR\nv6     fd00::/48   all()\n');
    expect(ran.stderr).toBe('error: ippool "defalt" is not there. Did you mean "default"?\n');
  });

  it.each([
    [
      ['ipool'],
      'error: there is no kind "ipool". Did you mean "ippool"? "muslinctl get --help" lists all kinds\n',
    ],
    [
      ['ippools', '-o', 'jsn'],
      'error: -o jsn: choose json, yaml, wide, name, jsonpath={.path}, go-template={{.path}} or custom-columns=HEAD:.path,…. Did you mean "json"?\n',
    ],
    [
      ['pods', '-A'],
      'error: pods are no objects of the network: "kubectl get pods". "muslinctl get --help" lists all kinds\n',
    ],
    [['wep', 'x', '-A'], 'error: names and --all-namespaces do not go together\n'],
  ])('ends with 2 for %j', async (argv, stderr) => {
    expect(await get(...argv)).toEqual({ code: 2, stdout: '', stderr });
  });

  it('says so when the server does not know the kind', async () => {
    const ran = await get('bgpfilters');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toBe(
      `error: ${api.url} does not serve bgpfilters.projectcalico.org: are Muslin's CRDs installed?\n`,
    );
  });

  it('ends with 1 and one line when there is no cluster', async () => {
    const ran = await muslinctl(['get', 'nodes', '--kubeconfig', '/nowhere/config']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^error: .*\/nowhere\/config.*\n$/);
  });
});
