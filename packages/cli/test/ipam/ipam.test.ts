import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from '../fake-api.ts';
import { muslinctl } from '../test-context.ts';
import { block, CALICO, CLUSTER, pod, podOwner } from './cluster.ts';

let api: FakeApi;
let folder: string;
const ipam = (...argv: string[]) => muslinctl(['ipam', ...argv, '--kubeconfig', api.kubeconfig]);
const writes = () => api.writes.map(({ method, path }) => `${method} ${path}`);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muslinctl-ipam-'));
  api = await fakeApi(CLUSTER);
});
afterEach(() => void (api.writes as unknown[]).splice(0));
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await api.close();
});

describe('muslinctl ipam show', () => {
  it('shows how full pools are', async () => {
    const ran = await ipam('show');
    expect(ran.stdout).toBe(`\
+----------+-------------+------------+------------+--------------+-------------------+-------------+
| GROUPING | CIDR        |  IPS TOTAL | IPS IN USE | IPS RESERVED |          IPS FREE | IPS COOLING |
+----------+-------------+------------+------------+--------------+-------------------+-------------+
| IP Pool  | 10.1.0.0/26 |         64 |     5 (8%) |       6 (9%) |          52 (81%) |      1 (2%) |
| IP Pool  | fd00::/48   | 1.2089e+24 |     0 (0%) |       0 (0%) | 1.2089e+24 (100%) |      0 (0%) |
+----------+-------------+------------+------------+--------------+-------------------+-------------+
`);
    expect(ran.code).toBe(0);
  });

  it('shows blocks below their pools', async () => {
    expect((await ipam('show', '--show-blocks')).stdout).toBe(`\
+----------+--------------+------------+------------+--------------+-------------------+-------------+
| GROUPING | CIDR         |  IPS TOTAL | IPS IN USE | IPS RESERVED |          IPS FREE | IPS COOLING |
+----------+--------------+------------+------------+--------------+-------------------+-------------+
| IP Pool  | 10.1.0.0/26  |         64 |     5 (8%) |       6 (9%) |          52 (81%) |      1 (2%) |
| Block    | 10.1.0.0/28  |         16 |    3 (19%) |      2 (13%) |          10 (63%) |      1 (6%) |
| Block    | 10.1.0.16/28 |         16 |    2 (13%) |       0 (0%) |          14 (88%) |      0 (0%) |
| IP Pool  | fd00::/48    | 1.2089e+24 |     0 (0%) |       0 (0%) | 1.2089e+24 (100%) |      0 (0%) |
+----------+--------------+------------+------------+--------------+-------------------+-------------+
`);
  });

  it('shows what is borrowed, by whom and from whom', async () => {
    expect((await ipam('show', '--show-borrowed')).stdout).toBe(`\
+----------+----------------+-------------+-------------+------+--------------+
| IP       | BORROWING-NODE | BLOCK       | BLOCK OWNER | TYPE | ALLOCATED-TO |
+----------+----------------+-------------+-------------+------+--------------+
| 10.1.0.2 | n2             | 10.1.0.0/28 | n1          | pod  | web/guest    |
+----------+----------------+-------------+-------------+------+--------------+
`);
  });

  it('shows the settings in effect', async () => {
    expect((await ipam('show', '--show-configuration')).stdout).toBe(`\
+--------------------+-------+
| PROPERTY           | VALUE |
+--------------------+-------+
| StrictAffinity     | false |
| AutoAllocateBlocks | true  |
| MaxBlocksPerHost   | 20    |
| IPCooldownSeconds  | 60    |
+--------------------+-------+
`);
  });

  it('shows who has an address', async () => {
    expect((await ipam('show', '--ip', '10.1.0.2')).stdout).toBe(`\
IP 10.1.0.2 is in use
Handle ID: k8s-pod-network.guest
Attributes:
  muslin.dev/uid: uid-guest
  namespace: web
  node: n2
  pod: guest
  timestamp: 2026-02-28T12:00:00Z
`);
    expect(await ipam('show', '--ip', '10.1.0.9')).toEqual({
      ...{ code: 0, stdout: '10.1.0.9 is not assigned\n', stderr: '' },
    });
  });

  it('draws every block, one character for each address, and foresees the end', async () => {
    expect((await ipam('show', '--map')).stdout).toBe(`\
default   10.1.0.0/26
  10.1.0.0/28   host:n1   3/16
    ##b~..........rr
  10.1.0.16/28   host:n9   2/16
    ##..............
  forecast: 5 assigned within the last 24 hours and still held; at that pace the 52 free addresses are used up in 10 days or later

v6   fd00::/48
  forecast: none, too little is known about when addresses were assigned

# in use by its node   b borrowed by another   ~ cooling down   r reserved   . free
`);
  });

  it('gives the same as data', async () => {
    const { pools } = JSON.parse((await ipam('show', '-o', 'json')).stdout);
    expect(pools[0]).toMatchObject({ name: 'default', total: 64, inUse: 5, borrowed: 1, cooling: 1 });
    expect(pools[0].blocks[0]).toMatchObject({ cidr: '10.1.0.0/28', owner: 'host:n1', inUse: 3 });
    expect((await ipam('show', '--show-borrowed', '-o', 'yaml')).stdout).toContain('borrowingNode: n2\n');
  });

  it('takes one view at a time, and only addresses', async () => {
    expect(await ipam('show', '--map', '--show-blocks')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: choose one of --ip, --show-blocks, --show-borrowed, --show-configuration and --map\n',
    });
    const bad = await ipam('show', '--ip', '10.1.0');
    expect([bad.code, bad.stderr.startsWith('error: --ip: ')]).toEqual([2, true]);
  });
});

describe('muslinctl ipam why', () => {
  it('tells the whole story of an address in use', async () => {
    expect((await ipam('why', '10.1.0.2')).stdout).toBe(`\
10.1.0.2 is borrowed: assigned to web/guest
  holder   Pod web/guest, uid uid-guest: there, with this address
  node     n2
  since    2026-02-28T12:00:00Z (1d ago)
  handle   k8s-pod-network.guest
  block    10.1.0.0/28 of host:n1
  borrowed by n2, from a block that is not its own
  pool     default 10.1.0.0/26
`);
  });

  it('says that a holder is gone', async () => {
    const ran = await ipam('why', '10.1.0.16');
    expect(ran.stdout).toContain('Pod web/lost, uid uid-lost: the API server has no such pod');
    expect(ran.stdout).toContain('n9, which is no Node any more');
    expect(ran.stdout).toContain(`
  verdict  lost, proven: there is no Pod web/lost; there is no Node n9
  next     muslinctl ipam release --ip 10.1.0.16
`);
    expect((await ipam('why', '10.1.0.1')).stdout).toContain(`
  verdict  lost perhaps, on one word: there is no Pod web/gone
  next     look on n1 that nothing uses it, then: muslinctl ipam release --ip 10.1.0.1 --force
`);
  });

  it.each([
    ['10.1.0.9', '10.1.0.9 is free: nobody has it'],
    ['10.1.0.14', '10.1.0.14 is reserved: nobody asked for it, and it is reserved'],
    ['10.1.0.3', '10.1.0.3 is cooling: released 30s ago by web/before, and not given out yet'],
    ['10.1.0.40', '10.1.0.40 is free: no node has claimed its block yet, or the block was given back empty'],
    ['192.0.2.1', '192.0.2.1 is free: no IPPool holds it, so Muslin never gives it out'],
  ])('says why %s is free', async (ip, line) => {
    const ran = await ipam('why', ip);
    expect([ran.code, ran.stdout.split('\n')[0]]).toEqual([0, line]);
  });
});

describe('muslinctl ipam check', () => {
  it('counts, says what it could not ask, and ends with 1 when something is wrong', async () => {
    const ran = await ipam('check');
    expect(ran.stdout).toBe(`\
2 blocks, 2 affinities, 6 handles; 5 addresses in use.
2 pods and 2 nodes, 0 of which tell what they have.
3 addresses look leaked, 1 of them proven; 1 other problem.
Proven means that two agree: the API server, that the pod or its node is gone; and the node itself, in a report
of the last five minutes, that it does not have the address, or its Node is gone too. One word is no proof: the pod may still run.
Check complete; found 4 problems.
`);
    expect(ran.code).toBe(1);
    expect(writes()).toEqual([]);
  });

  it('lists every problem with its witnesses, and what to do', async () => {
    expect((await ipam('check', '--show-problem-ips', '--fix-plan')).stdout).toBe(`\
2 blocks, 2 affinities, 6 handles; 5 addresses in use.
2 pods and 2 nodes, 0 of which tell what they have.
3 addresses look leaked, 1 of them proven; 1 other problem.
  10.1.0.1 of web/gone looks leaked: there is no Pod web/gone
  10.1.0.16 of web/lost looks leaked, proven: there is no Pod web/lost; there is no Node n9
  10.1.0.17 of vxlanTunnelAddress looks leaked: there is no Node n9
  dangling-handle: IPAMHandle k8s-pod-network.dangling counts 1 in 10.1.0.16/28, there are 0
Plan:
  muslinctl ipam release --ip 10.1.0.16
  n1 does not tell what it has (kubectl get addressnodestatuses n1): once it does, check again
    or look there that nothing uses 10.1.0.1, then: muslinctl ipam release --ip 10.1.0.1 --force
  look on n9 that nothing uses 10.1.0.17, then: muslinctl ipam release --ip 10.1.0.17 --force
  IPAMHandle k8s-pod-network.dangling counts 1 in 10.1.0.16/28, there are 0: once its pod is gone: muslinctl delete ipamhandle k8s-pod-network.dangling
Proven means that two agree: the API server, that the pod or its node is gone; and the node itself, in a report
of the last five minutes, that it does not have the address, or its Node is gone too. One word is no proof: the pod may still run.
Check complete; found 4 problems.
`);
  });

  it('takes a node at its own word, while that is fresh and whole', async () => {
    const report = (addresses: readonly string[], readAt: string, complete = 'True') => ({
      metadata: { name: 'n1' },
      status: { addresses, readAt, conditions: [{ type: 'Complete', status: complete }] },
    });
    const lines = async (told: Readonly<Record<string, unknown>>) => {
      const server = await fakeApi({ ...CLUSTER, '/apis/muslin.dev/v1alpha1/addressnodestatuses': [told] });
      const where = ['--kubeconfig', server.kubeconfig];
      const shown = await muslinctl(['ipam', 'check', '--show-problem-ips', '--fix-plan', ...where]);
      const freed = await muslinctl(['ipam', 'release', '--ip', '10.1.0.1', ...where]);
      await server.close();
      const about = shown.stdout.split('\n').filter(line => line.includes('10.1.0.1 '));
      return [...about, freed.code === 0 ? 'freed' : freed.stderr.split(': ').slice(2).join(': ').trim()];
    };
    expect(await lines(report(['10.1.0.0'], '2026-03-01T11:58:00Z'))).toEqual([
      '  10.1.0.1 of web/gone looks leaked, proven: there is no Pod web/gone; the kernel of n1 does not have 10.1.0.1',
      'freed',
    ]);
    expect(await lines(report(['10.1.0.1'], '2026-03-01T11:00:00Z', 'False'))).toEqual([
      '  10.1.0.1 of web/gone looks leaked: there is no Pod web/gone; but the kernel of n1 has 10.1.0.1',
      '  leave 10.1.0.1 alone: the kernel of n1 has 10.1.0.1',
      'the kernel of n1 has 10.1.0.1: it is in use there',
    ]);
    for (const old of [report([], '2026-03-01T11:50:00Z'), report([], '2026-03-01T11:59:00Z', 'False')])
      expect((await lines(old)).at(-1)).toContain('only one witness: there is no Pod web/gone');
  });

  it('lists every address', async () => {
    const { stdout } = await ipam('check', '--show-all-ips');
    expect(stdout).toContain('  10.1.0.0 web/a on n1\n');
    expect(stdout).toContain('  10.1.0.17 vxlanTunnelAddress on n9\n');
  });

  it('ends with 0 when nothing is wrong', async () => {
    const clean = await fakeApi({
      ...CLUSTER,
      [`${CALICO}/ipamblocks`]: [],
      [`${CALICO}/blockaffinities`]: [],
      [`${CALICO}/ipamhandles`]: [],
      '/api/v1/pods': [],
    });
    const ran = await muslinctl(['ipam', 'check', '--fix-plan', '--kubeconfig', clean.kubeconfig]);
    await clean.close();
    expect(ran.code).toBe(0);
    expect(ran.stdout.split('\n').slice(-3)).toEqual([
      'Plan: nothing to do.',
      'Check complete; found 0 problems.',
      '',
    ]);
  });

  it('names a kind that is not served', async () => {
    const bare = await fakeApi({});
    const ran = await muslinctl(['ipam', 'check', '--kubeconfig', bare.kubeconfig]);
    await bare.close();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("does not serve ipamblocks: are Muslin's CRDs installed?");
  });
});

describe('muslinctl ipam history', () => {
  const at = (time: string) => `2026-03-01T${time}Z`;
  const entry = (time: string, what: string, ips: readonly string[], who: string, why: string) => ({
    ...{ at: at(time), what, ips, who, why, handle: `k8s-pod-network.${who.slice(4)}` },
  });
  const status = {
    metadata: { name: 'n1' },
    status: {
      ledger: [
        entry('10:00:00', 'assigned', ['10.1.0.1'], 'web/older', 'new-block 10.1.0.0/28 of default'),
        entry(
          '10:30:00',
          'released',
          ['10.1.0.1'],
          'web/older',
          'its sandbox is gone, and the cluster was told',
        ),
        entry('11:00:00', 'assigned', ['10.1.0.10'], 'web/other', 'kept in hand by this node'),
      ],
    },
  };
  const event = {
    ...{
      metadata: { name: 'e', namespace: 'default' },
      reason: 'AddressKept',
      lastTimestamp: at('11:30:00'),
    },
    message: '10.1.0.1 is kept: there is no Pod web/gone; nobody else says so',
  };

  it('adds up what nodes, blocks and the collector say, oldest first', async () => {
    const told = await fakeApi({
      ...CLUSTER,
      '/apis/muslin.dev/v1alpha1/addressnodestatuses': [status],
      '/api/v1/events': [event],
    });
    const run = (ip: string) => muslinctl(['ipam', 'history', ip, '--kubeconfig', told.kubeconfig]);
    const [known, unknown] = [await run('10.1.0.1'), await run('10.1.0.12')];
    await told.close();
    expect(known.stdout).toBe(`\
TIME                   WHAT       WHO             TOLD BY       WHY
2026-02-28T12:00:00Z   assigned   web/gone        block of n1   the block says so: in-use
2026-03-01T10:00:00Z   assigned   web/older       node n1       new-block 10.1.0.0/28 of default
2026-03-01T10:30:00Z   released   web/older       node n1       its sandbox is gone, and the cluster was told
2026-03-01T11:30:00Z   kept       the collector   Event         10.1.0.1 is kept: there is no Pod web/gone; nobody else says so
`);
    expect(unknown).toEqual({ code: 0, stdout: 'nothing is known of 10.1.0.12\n', stderr: '' });
  });

  it('knows what a person freed and who that was, and blocks that went with all that was in them', async () => {
    const byHand = {
      ...event,
      ...{ reason: 'AddressFreed', source: { component: 'muslinctl' }, reportingInstance: 'kim' },
      message:
        'freed 10.1.0.30 of web/x: there is no Pod web/x; --force | freed 10.1.0.40 of web/y: there is no Pod web/y',
    };
    const block = {
      ...event,
      ...{ reason: 'BlockFreed', lastTimestamp: at('11:40:00') },
      message: 'block 10.1.0.32/28 of node n9 deleted: node n9 is gone',
    };
    const told = await fakeApi({ ...CLUSTER, '/api/v1/events': [block, byHand] });
    const ran = await muslinctl(['ipam', 'history', '10.1.0.40', '--kubeconfig', told.kubeconfig]);
    await told.close();
    expect(ran.stdout).toBe(`\
TIME                   WHAT    WHO                   TOLD BY   WHY
2026-03-01T11:30:00Z   freed   kim, with muslinctl   Event     freed 10.1.0.40 of web/y: there is no Pod web/y
2026-03-01T11:40:00Z   freed   the collector         Event     block 10.1.0.32/28 of node n9 deleted: node n9 is gone
`);
  });

  it('works where nobody tells: the block alone remembers', async () => {
    const ran = await ipam('history', '10.1.0.3');
    expect(ran.stdout).toContain('2026-03-01T11:59:30Z   released   web/before');
    expect((await ipam('history', '10.1')).code).toBe(2);
  });
});

describe('breaker of ipam release', () => {
  it('frees nothing when a report names more than it would free without asking', async () => {
    const held = Array.from({ length: 17 }, (_, i) => ({
      ...{ ip: `10.1.0.${i}`, node: 'n9', owner: podOwner(`p${i}`) },
    }));
    const many = await fakeApi({ ...CLUSTER, [`${CALICO}/ipamblocks`]: [block('10.1.0.0/27', 'n9', held)] });
    const file = join(folder, 'many.json');
    const run = (...argv: string[]) => muslinctl(['ipam', ...argv, '--kubeconfig', many.kubeconfig]);
    const plan = await run('check', '-o', file, '--fix-plan');
    expect(plan.stdout).toContain(`\
Plan:
  17 are proven lost, more than the 16 that are freed without asking: look at some, such as muslinctl ipam why 10.1.0.0, then:
    muslinctl ipam check -o report.json
    muslinctl ipam release --from-report report.json --most 17
`);
    const ran = await run('release', '--from-report', file);
    expect([ran.code, ran.stdout, many.writes.length]).toEqual([1, '', 0]);
    const asked = await run('release', '--from-report', file, '--most', '17');
    await many.close();
    expect([asked.code, asked.stdout.split('\n').length - 1]).toEqual([0, 17]);
    expect((await ipam('release', '--ip', '10.1.0.1', '--most', 'all')).stderr).toContain(
      '--most all: is no number',
    );
    expect(ran.stderr).toContain('nothing is released: 17 of 17 addresses are more than the 16');
  });
});

describe('muslinctl ipam release', () => {
  it('frees what pod and node have left, and its handle', async () => {
    const ran = await ipam('release', '--ip', '10.1.0.16');
    expect(ran).toEqual({ code: 0, stdout: 'Successfully released IP address 10.1.0.16\n', stderr: '' });
    expect(writes()).toEqual([
      `PUT ${CALICO}/ipamblocks/10-1-0-16-28`,
      `DELETE ${CALICO}/ipamhandles/k8s-pod-network.lost`,
      'POST /apis/authentication.k8s.io/v1/selfsubjectreviews',
      'POST /api/v1/namespaces/default/events',
    ]);
    expect(JSON.stringify(api.writes[0]?.body)).toContain('"releasedAt":"2026-03-01T12:00:00Z"');
  });

  it('refuses a pod that lives, one witness, and what is not in use, each with its reason', async () => {
    const ran = await ipam('release', '--ip', '10.1.0.0', '--ip', '10.1.0.1', '--ip', '10.1.0.9');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toBe(`\
error: 10.1.0.0 is not released: web/a is there or too young to be called gone. --force frees it all the same, and breaks its network
error: 10.1.0.1 is not released: only one witness: there is no Pod web/gone. Look on n1 that nothing uses it, then use --force
error: 10.1.0.9 is not released: it is not in use
`);
    expect(writes()).toEqual([]);
  });

  it('writes down who freed what, and why', async () => {
    const kim = await fakeApi(CLUSTER, ({ path, body }) =>
      path.endsWith('/selfsubjectreviews')
        ? { status: 201, body: { ...(body as object), status: { userInfo: { username: 'kim' } } } }
        : undefined,
    );
    await muslinctl([
      'ipam',
      'release',
      '--ip',
      '10.1.0.16',
      '--ip',
      '10.1.0.1',
      '--force',
      '--kubeconfig',
      kim.kubeconfig,
    ]);
    await kim.close();
    const events = kim.writes.filter(({ path }) => path.endsWith('/events')).map(({ body }) => body);
    const by = { reason: 'AddressFreed', source: { component: 'muslinctl' }, reportingInstance: 'kim' };
    expect(events).toMatchObject([
      {
        ...by,
        involvedObject: { kind: 'IPPool', name: 'default' },
        message: 'freed 10.1.0.16 of web/lost: there is no Pod web/lost; there is no Node n9; --force',
      },
      {
        ...by,
        involvedObject: { kind: 'Node', name: 'n1' },
        message: 'freed 10.1.0.1 of web/gone: there is no Pod web/gone; --force',
      },
    ]);
  });

  it('says so when that can’t be written down, and has freed it all the same', async () => {
    const mute = await fakeApi(CLUSTER, ({ path }) =>
      path.endsWith('/events')
        ? {
            status: 403,
            body: { kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403, message: 'no' },
          }
        : undefined,
    );
    const ran = await muslinctl(['ipam', 'release', '--ip', '10.1.0.16', '--kubeconfig', mute.kubeconfig]);
    await mute.close();
    expect([ran.code, ran.stdout]).toEqual([0, 'Successfully released IP address 10.1.0.16\n']);
    expect(ran.stderr).toContain("warning: ipam history will not know of it, its Event can't be written: ");
  });

  it('frees on one witness with --force', async () => {
    expect((await ipam('release', '--ip', '10.1.0.1', '--force')).stdout).toBe(
      'Successfully released IP address 10.1.0.1\n',
    );
    expect(writes()[0]).toBe(`PUT ${CALICO}/ipamblocks/10-1-0-0-28`);
  });

  it('frees from a report what is still proven, and what had another life since is left alone', async () => {
    const file = join(folder, 'report.json');
    expect((await ipam('check', '-o', file)).code).toBe(1);
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const ran = await ipam('release', '--from-report', file);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe('Successfully released IP address 10.1.0.16\n');
    for (const leak of report.leaks) leak.sequence = 99;
    writeFileSync(file, JSON.stringify(report));
    const late = await ipam('release', '--from-report', file, '--force');
    expect([late.code, late.stdout]).toEqual([1, '']);
    expect(late.stderr).toContain('the report is about an earlier life of it; now it is held by web/lost');
  });

  it('frees from several reports only what all of them name', async () => {
    const [one, two] = [join(folder, 'one.json'), join(folder, 'two.json')];
    await ipam('check', '-o', one);
    writeFileSync(two, JSON.stringify({ kind: 'IPAMCheckReport', leaks: [] }));
    for (const [first = '', second = ''] of [
      [one, two],
      [two, one],
    ])
      expect(await ipam('release', '--from-report', first, '--from-report', second)).toEqual({
        ...{ code: 0, stdout: '', stderr: '' },
      });
  });

  it('never frees what a report names and a living pod has, not even with --force', async () => {
    const file = join(folder, 'old.json');
    await ipam('check', '-o', file);
    const back = await fakeApi({
      ...CLUSTER,
      '/api/v1/pods': [
        ...CLUSTER['/api/v1/pods'],
        pod('lost', 'n9', '10.1.0.16'),
        pod('gone', 'n1', '10.1.0.1'),
      ],
    });
    const ran = await muslinctl([
      'ipam',
      'release',
      '--from-report',
      file,
      '--force',
      '--kubeconfig',
      back.kubeconfig,
    ]);
    await back.close();
    expect(ran.stdout).toBe('Successfully released IP address 10.1.0.17\n');
    expect(ran.stderr).toBe(`\
error: 10.1.0.1 is not released: web/gone is there or too young to be called gone
error: 10.1.0.16 is not released: web/lost is there or too young to be called gone
`);
  });

  it('says what is wrong with what was typed', async () => {
    const file = join(folder, 'bad.json');
    writeFileSync(file, '{"kind":"IPAMCheckReport","leaks":[{"ip":"x"}]}');
    for (const [argv, text] of [
      [[], 'name addresses with --ip, or reports with --from-report, and not both'],
      [['--ip', '10.1'], '--ip 10.1: '],
      [['--from-report', join(folder, 'none.json')], 'no such file or folder'],
      [['--from-report', file], 'leaks[0].ip: '],
    ] as const) {
      const ran = await ipam('release', ...argv);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain(text);
    }
  });
});

describe('muslinctl ipam configure', () => {
  it('patches the fields that were given and no other', async () => {
    const ran = await ipam('configure', '--strictaffinity', 'true', '--ip-cooldown-seconds', '30');
    expect(ran.stdout).toBe(
      'Successfully set StrictAffinity to: true\nSuccessfully set IPCooldownSeconds to: 30\n',
    );
    expect(api.writes).toMatchObject([
      { method: 'PATCH', body: { spec: { strictAffinity: true, ipCooldownSeconds: 30 } } },
    ]);
  });

  it('reads words in any case, and says of a setting that it is only kept', async () => {
    expect(await ipam('configure', '--strictaffinity=TRUE', '--kubevirt-ip-persistence', 'enabled')).toEqual({
      code: 0,
      stdout:
        'Successfully set StrictAffinity to: true\nSuccessfully set KubeVirtVMAddressPersistence to: Enabled\n',
      stderr:
        'warning: Muslin keeps this setting and does not act on it: a virtual machine gets another address with another pod\n',
    });
    expect(api.writes.at(-1)?.body).toEqual({
      spec: { strictAffinity: true, kubeVirtVMAddressPersistence: 'Enabled' },
    });
  });

  it('makes the object where there is none', async () => {
    const bare = await fakeApi({ [`${CALICO}/ipamconfigurations`]: [] });
    const argv = ['ipam', 'configure', '--max-blocks-per-host', '4', '--kubeconfig', bare.kubeconfig];
    expect((await muslinctl(argv)).code).toBe(0);
    expect(bare.writes).toMatchObject([
      { method: 'POST', body: { metadata: { name: 'default' }, spec: { maxBlocksPerHost: 4 } } },
    ]);
    await bare.close();
  });

  it('refuses settings that contradict each other, naming the field', async () => {
    const odd = await fakeApi({
      [`${CALICO}/ipamconfigurations`]: [
        { metadata: { name: 'default' }, spec: { strictAffinity: true, autoAllocateBlocks: false } },
      ],
    });
    const ran = await muslinctl([
      'ipam',
      'configure',
      '--strictaffinity',
      'false',
      '--kubeconfig',
      odd.kubeconfig,
    ]);
    await odd.close();
    expect(ran).toEqual({
      ...{ code: 1, stdout: '' },
      stderr:
        'error: IPAMConfiguration default: spec.strictAffinity must be true while spec.autoAllocateBlocks is false\n',
    });
  });

  it.each([
    [
      [],
      'nothing to set: give --strictaffinity, --max-blocks-per-host, --ip-cooldown-seconds, --kubevirt-ip-persistence',
    ],
    [['--strictaffinity', 'yes'], '--strictaffinity yes: choose true or false'],
    [['--ip-cooldown-seconds', '1201'], '--ip-cooldown-seconds 1201: choose a whole number from 0 to 1200'],
    [['--max-blocks-per-host', '-1'], '--max-blocks-per-host -1: choose a whole number from 0 to 1000000'],
  ])('refuses %j', async (argv, text) => {
    expect(await ipam('configure', ...argv)).toEqual({ code: 2, stdout: '', stderr: `error: ${text}\n` });
  });
});

describe('muslinctl ipam split', () => {
  const split = async (spec: object, ...argv: string[]) => {
    const server = await fakeApi({
      ...CLUSTER,
      [`${CALICO}/ippools`]: [
        {
          metadata: { name: 'p', labels: { rack: 'a' } },
          spec: { cidr: '10.1.0.0/26', blockSize: 28, ...spec },
        },
        { metadata: { name: 'six' }, spec: { cidr: 'fd00::/48', disabled: true } },
      ],
    });
    const ran = await muslinctl(['ipam', 'split', ...argv, '--kubeconfig', server.kubeconfig]);
    const bodies = server.writes.map(({ method, path, body }) => ({
      ...{ call: `${method} ${path.slice(CALICO.length)}` },
      ...{ spec: (body as { spec?: { cidr?: string } } | undefined)?.spec },
    }));
    await server.close();
    return { ...ran, bodies };
  };

  it('makes the parts as the pool was, and deletes it last', async () => {
    const ran = await split({ disabled: true, natOutgoing: true }, '2', '--cidr', '10.1.0.0/26');
    expect(ran.code).toBe(0);
    const common = { blockSize: 28, disabled: true, natOutgoing: true };
    expect(ran.bodies).toEqual([
      { call: 'POST /ippools', spec: { ...common, cidr: '10.1.0.0/27' } },
      { call: 'POST /ippools', spec: { ...common, cidr: '10.1.0.32/27' } },
      { call: 'DELETE /ippools/p', spec: undefined },
    ]);
    const six = await split({}, '4', '--name', 'six');
    expect(six.bodies.map(({ spec }) => spec?.cidr)).toEqual([
      ...['fd00::/50', 'fd00:0:0:4000::/50', 'fd00:0:0:8000::/50', 'fd00:0:0:c000::/50', undefined],
    ]);
  });

  it.each([
    [{}, ['2', '--name', 'p'], 1, 'IPPool p is not disabled'],
    [{ disabled: true }, ['8', '--name', 'p'], 1, 'smaller than its blocks of /28: choose at most 4'],
    [{ disabled: true }, ['3', '--name', 'p'], 2, '3: choose 2, 4, 8'],
    [{ disabled: true }, ['2', '--name', 'q'], 1, 'there is no IPPool q'],
    [{ disabled: true }, ['2'], 2, 'name the pool with --name or --cidr'],
  ])('changes nothing of %j with %j', async (spec, argv, code, message) => {
    const ran = await split(spec, ...argv);
    expect([ran.code, ran.bodies]).toEqual([code, []]);
    expect(ran.stderr).toContain(message);
  });
});
