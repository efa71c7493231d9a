import { type ChildProcess, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { type AnyObject, RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { muslinctl as runMuslinctl } from '../../cli/test/test-context.ts';
import { end, eventually, must, Stage } from './stage.ts';

const AS = 64_512;
/** The other ends, each with one fault; the number is the last octet of its address. */
const HOSTS = {
  ...{ n1: 1, n2: 2, n3: 3, refused: 11, filtered: 12, 'they-differ': 13, 'we-differ': 14, password: 15 },
  ...{ silent: 16, twin: 17, hops: 18, limit: 19, closed: 20, stranger: 21, unsigned: 22, signed: 23 },
  ...{ walled: 24 },
};
const PASSWORD = 'what we think';
type Host = keyof typeof HOSTS;
const address = (host: Host) => `10.78.0.${HOSTS[host]}`;
let stage: Stage;
let n1: ChildProcess;
const birds = new Map<Host, ReturnType<Stage['startBird']>>();

/** BIRD as it should be, but for what is given. */
function bird(
  host: Host,
  fault: Partial<Record<'id' | 'as' | 'node' | 'nodeAs' | 'more' | 'limit' | 'routes', string>>,
) {
  const config = `
router id ${fault.id ?? address(host)};
protocol device {}
${fault.routes ?? ''}
protocol bgp node {
  local ${address(host)} as ${fault.as ?? '65001'};
  neighbor ${fault.node ?? '10.78.0.1'} as ${fault.nodeAs ?? AS};
  connect retry time 1; connect delay time 1; error wait time 1, 2; hold time 30;
  ${fault.more ?? ''}
  ipv4 { import all; ${fault.limit ?? ''} export where source = RTS_STATIC; };
}
`;
  birds.set(host, stage.startBird(host, config));
}

/** A BGPPeer of one node. */
const peer = (node: Host, host: Host, more: object = {}) =>
  stage.put('BGPPeer', host, { spec: { node, peerIP: address(host), asNumber: 65001, ...more } });
const password = (key: string) => ({ password: { secretKeyRef: { name: 'bgp', key } } });

async function finding(node: Host, at: string) {
  const { peers } = await stage.json(node, '/v1/status');
  return peers.find((each: { address: string }) => each.address === at)?.finding;
}

/** Waits for the finding, and looks at its sentence. */
const says = (node: Host, at: string, code: string, sentence: RegExp) =>
  eventually(async () => {
    const found = await finding(node, at);
    expect(found?.code).toBe(code);
    expect(found?.message).toMatch(sentence);
  }, 40_000);

beforeAll(async () => {
  stage = new Stage(HOSTS);
  await stage.serveApi();
  for (const node of ['n1', 'n2', 'n3'] as const) await stage.putNode(node, address(node));
  await stage.put('BGPConfiguration', 'default', { spec: { asNumber: AS, nodeToNodeMeshEnabled: false } });
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  await stage.put('Secret', 'bgp', { data: { tor: base64(PASSWORD) } }, 'kube-system');
  await stage.putBlock('n1', '10.244.1.0/26');
  await stage.putBlock('n1', '10.244.2.0/26');
  stage.run('filtered', 'iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', '179', '-j', 'DROP');
  stage.run('n1', 'iptables', '-A', 'OUTPUT', '-p', 'tcp', '-d', address('walled'), '-j', 'DROP');
  bird('they-differ', { as: '65009' });
  bird('we-differ', { nodeAs: '64999' });
  bird('password', { more: 'password "what they think";' });
  bird('silent', { more: 'hold time 3; keepalive time 1;' });
  bird('twin', { id: '10.78.0.1', as: String(AS) });
  bird('hops', {});
  bird('limit', { limit: 'import limit 1 action disable;' });
  bird('closed', { routes: 'protocol static { ipv4; route 203.0.113.0/24 blackhole; }' });
  bird('stranger', { node: '10.78.0.99' });
  bird('unsigned', { node: address('n2') });
  bird('signed', { node: address('n3'), more: 'password "only theirs";' });
  for (const host of [
    'refused',
    'filtered',
    'they-differ',
    'we-differ',
    'silent',
    'limit',
    'closed',
    'walled',
  ] as const)
    await peer('n1', host);
  await peer('n1', 'stranger');
  await peer('n1', 'password', password('tor'));
  await peer('n1', 'twin', { asNumber: AS });
  await peer('n1', 'hops', { ttlSecurity: 1 });
  const elsewhere = (name: string, peerIP: string) =>
    stage.put('BGPPeer', name, { spec: { node: 'n1', peerIP, asNumber: 65001 } });
  await elsewhere('nobody', '10.78.0.77');
  await elsewhere('nowhere', '203.0.113.9');
  await peer('n2', 'unsigned', password('tor'));
  await peer('n3', 'signed');
  n1 = stage.startSpeaker('n1', [], ['--journal', `${stage.folder}/journal`]);
  for (const node of ['n2', 'n3'] as const) stage.startSpeaker(node);
}, 60_000);
afterAll(() => stage?.close());

test.each<readonly [what: string, node: Host, at: string, code: string, sentence: RegExp]>([
  [
    'a peer that does not listen',
    'n1',
    '10.78.0.11',
    'refused',
    /^Nothing listens on 10\.78\.0\.11 port 179/,
  ],
  [
    'a firewall that drops',
    'n1',
    '10.78.0.12',
    'filtered',
    /^10\.78\.0\.12 port 179 does not answer at all: a firewall/,
  ],
  [
    'a firewall of this node that drops',
    'n1',
    '10.78.0.24',
    'blocked-here',
    /^This node drops its own packets to 10\.78\.0\.24 port 179 before they leave/,
  ],
  ['an address where nobody is', 'n1', '10.78.0.77', 'no-neighbour', /10\.78\.0\.77 is not there/],
  [
    'an address without a route',
    'n1',
    '203.0.113.9',
    'no-route',
    /^This node has no route to 203\.0\.113\.9: add one/,
  ],
  [
    'a peer in another AS than written down',
    'n1',
    '10.78.0.13',
    'wrong-as',
    /^The peer is in AS 65009, 65001 is configured: correct .* \(10\.78\.0\.13\)\.$/,
  ],
  ['a peer that expects another AS of us', 'n1', '10.78.0.14', 'our-as-refused', /refuses our AS 64512/],
  ['two passwords', 'n1', '10.78.0.15', 'wrong-password', /^The passwords differ: .* 10\.78\.0\.15/],
  ['a router ID that both have', 'n1', '10.78.0.17', 'router-id-taken', /^The peer has our own router ID/],
  [
    'TTL security on our side alone',
    'n1',
    '10.78.0.18',
    'ttl-security',
    /TTL security .* is dropping .*10\.78\.0\.18.*ttl security on/,
  ],
  [
    'a prefix limit over there',
    'n1',
    '10.78.0.19',
    'too-many-routes-for-peer',
    /accepts fewer routes than we tell it/,
  ],
  [
    'a router that does not know us',
    'n1',
    '10.78.0.21',
    'closed-before-open',
    /10\.78\.0\.21 takes our connection and closes it/,
  ],
  [
    'a password on our side alone',
    'n2',
    '10.78.0.22',
    'password-missing-there',
    /10\.78\.0\.22 port 179 does not sign/,
  ],
  ['a password on their side alone', 'n3', '10.78.0.23', 'password-missing-here', /^Somebody signs segments/],
])('%s is told in one sentence', (_what, node, at, code, sentence) => says(node, at, code, sentence), 60_000);

test('a session that is up is well', () => says('n1', address('closed'), 'up', /is up/), 60_000);

test('muslinctl tells the same on the node and through the API, and explains a prefix', async () => {
  const socket = `${stage.folder}/n1/speaker.sock`;
  const muslinctl = (...argv: string[]) =>
    runMuslinctl(['bgp', ...argv], {
      env: { MUSLIN_SPEAKER_SOCKET: socket, KUBECONFIG: stage.adminKubeconfig },
    });
  const doctor = await muslinctl('doctor');
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/^n1 +10\.78\.0\.11 +refused +Nothing listens on 10\.78\.0\.11 port 179/m);
  expect((await muslinctl('doctor', '--socket')).stdout).toMatch(/^n1 +10\.78\.0\.11 +refused +Nothing/m);
  expect((await muslinctl('peer', address('closed'))).code).toBe(0);
  expect((await muslinctl('peer', address('closed'), '--node', 'n1')).stdout).toContain('is up');
  const own = await muslinctl('explain', '10.244.1.0/26');
  expect(own).toMatchObject({ code: 0, stderr: '' });
  expect(own.stdout).toContain('10.244.1.0/26 is reached here: it is a route of this node.');
  expect(own.stdout).toMatch(/^Told to: .*10\.78\.0\.20/m);
  expect(own.stdout).toContain('  10.78.0.11: the session is not up');
  const told = await muslinctl('advertised', address('closed'));
  expect(told.stdout).toMatch(/^10\.244\.1\.0\/26 +10\.78\.0\.1 +this node +own/m);
  const received = await muslinctl('received', address('closed'));
  expect(received.stdout).toMatch(/^203\.0\.113\.0\/24 +10\.78\.0\.20 +10\.78\.0\.20 +ebgp +- +65001/m);
  const learned = await muslinctl('explain', '203.0.113.0/24');
  expect(learned.stdout).toContain('Kernel: in the kernel: unicast 203.0.113.0/24 via 10.78.0.20');
  // Through the API the node says the same words.
  const asks = [
    ['routes'],
    ['routes', '203.0.113.0/24', '-o', 'wide'],
    ['received', address('closed'), '-o', 'json'],
    ['advertised', address('closed'), '-o', 'yaml'],
    ['advertised', address('closed'), '-o', 'wide'],
    ['explain', '203.0.113.0/24'],
    ['explain', '203.0.113.0/24', '-o', 'json'],
    ['advertised', '10.78.0.99'],
  ];
  for (const ask of asks) {
    const here = await muslinctl(...ask);
    expect(await muslinctl(...ask, '--node', 'n1'), ask.join(' ')).toEqual(here);
  }
  expect((await muslinctl('peer', address('closed'), '--node', 'n1')).stdout).toMatch(/^Hold time: +30 s/m);
  const questions = () => stage.client.listAll(RESOURCES.BGPQuestion);
  expect(must(await questions()).items).toEqual([]);
}, 60_000);

test('a question that somebody left behind is in nobody’s way, and one to a node without a speaker ends', async () => {
  const muslinctl = (...argv: string[]) =>
    runMuslinctl(['bgp', ...argv, '--kubeconfig', stage.adminKubeconfig]);
  await stage.put('BGPQuestion', 'n1', { spec: { about: 'Routes' } });
  await eventually(async () => {
    const left = must(await stage.client.get<AnyObject>(RESOURCES.BGPQuestion, { name: 'n1' }));
    expect(left['status']).toMatchObject({
      observedGeneration: 1,
      answer: expect.stringContaining('203.0.113'),
    });
  });
  expect(await muslinctl('explain', '203.0.113.0/24', '--node', 'n1')).toMatchObject({ code: 0, stderr: '' });
  expect(await muslinctl('routes', '--node', 'nobody')).toEqual({
    ...{ code: 2, stdout: '', stderr: 'error: there is no node nobody\n' },
  });
}, 60_000);

test('the table and the updates of a node are MRT files that bgpdump reads', async () => {
  const env = { MUSLIN_SPEAKER_SOCKET: `${stage.folder}/n1/speaker.sock` };
  const [table, updates] = [`${stage.folder}/table.mrt`, `${stage.folder}/updates.mrt`];
  const read = (file: string) => execFileSync('bgpdump', ['-m', file], { encoding: 'utf8', stdio: 'pipe' });
  expect(await runMuslinctl(['bgp', 'dump', '-w', table], { env })).toEqual({
    ...{ code: 0, stdout: '', stderr: '' },
  });
  expect(read(table)).toMatch(/\|B\|10\.78\.0\.20\|65001\|203\.0\.113\.0\/24\|65001\|IGP\|10\.78\.0\.20\|/);
  expect(read(table)).toMatch(/\|B\|0\.0\.0\.0\|64512\|10\.244\.1\.0\/26\|/);
  const listening = runMuslinctl(['bgp', 'dump', '--updates', '--seconds', '3', '-w', updates], { env });
  await new Promise(resolve => setTimeout(resolve, 500));
  birds.get('closed')?.ask('disable', 'static1');
  expect(await listening).toMatchObject({ code: 0, stderr: '' });
  expect(read(updates)).toMatch(/^BGP4MP_ET\|.*\|W\|10\.78\.0\.20\|65001\|203\.0\.113\.0\/24$/m);
  const { text } = await stage.ask('n1', '/metrics');
  expect(text).toMatch(/muslin_bgp_convergence_seconds_count\{to="kernel"\} [1-9]/);
  expect(text).toMatch(
    /muslin_bgp_peer_finding\{peer="10\.78\.0\.11",code="refused",severity="problem",whose="theirs"\} 1/,
  );
}, 60_000);

test('an operator who shuts the session down there is quoted', async () => {
  birds.get('closed')?.ask('disable', 'node', '"new line card"');
  await says(
    'n1',
    address('closed'),
    'shut-down-there',
    /An operator shut the session down on 10\.78\.0\.20/,
  );
}, 60_000);

test('a peer that falls silent is told', async () => {
  await says('n1', address('silent'), 'up', /is up/);
  const pid = stage.run('silent', 'cat', `${stage.folder}/silent.ctl.pid`).trim();
  process.kill(Number(pid), 'SIGSTOP');
  await says(
    'n1',
    address('silent'),
    'hold-expired',
    /10\.78\.0\.16 was silent for longer than the hold time/,
  );
}, 60_000);

test('the journal of the node, killed in the middle, replays octet for octet, and holds no password', async () => {
  await end(n1, 'SIGKILL');
  const folder = `${stage.folder}/journal`;
  const files = readdirSync(folder).map(name => `${folder}/${name}`);
  expect(files.map(file => statSync(file).mode & 0o777)).toEqual(files.map(() => 0o600));
  for (const file of files) expect(readFileSync(file, 'latin1')).not.toContain(PASSWORD);
  const ran = await runMuslinctl(['bgp', 'replay', folder]);
  expect(ran.stdout).toMatch(/^\d{2,} calls have the same outcome, octet for octet\.\n$/);
  expect(ran.code).toBe(0);
  const lines = (await runMuslinctl(['bgp', 'replay', '--show', folder])).stdout;
  expect(lines).toMatch(/10\.78\.0\.20 is Established/);
  expect(lines).toMatch(/Cease: Administrative Shutdown \(6\/2\) “new line card”/);
}, 60_000);
