import { NO_WITNESS, notification, type Output, type PeerView } from '@muslin/bgp';
import { ROUTE_PROTOCOL_BGP, type Route } from '@muslin/dataplane';
import { bgpNodeStatus, calicoNodeStatus } from '@muslin/api';
import { ip4, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { Convergence } from '../src/convergence.ts';
import { calicoStatus, type NodeAnswerView, readQuestion } from '../src/core/calico-node-status.ts';
import { desiredSpeaker } from '../src/core/desired-speaker.ts';
import { type NodeStatus, nodeStatus, type SpeakerView } from '../src/core/node-status.ts';
import type { PeerReport } from '../src/core/peer-report.ts';
import type { Problem } from '../src/core/problem.ts';
import { metrics } from '../src/metrics.ts';
import { readOptions } from '../src/options.ts';
import { readable } from '../src/readable.ts';
import { seenRoutes } from '../src/seen-routes.ts';
import { factsOf, node } from './facts.ts';

const counts = { open: 1, update: 2, notification: 0, keepalive: 3, 'route-refresh': 0 };

function report(address: string, about: Partial<PeerReport> = {}): PeerReport {
  const view: PeerView = {
    id: address,
    remoteIp: mustIp(address),
    state: 'Established',
    since: 1000,
    lastError: undefined,
    connectError: undefined,
    established: 1,
    localIp: undefined,
    remoteAs: 65000,
    remoteId: undefined,
    external: true,
    holdTime: 90,
    keepaliveTime: 30,
    hostName: undefined,
    capabilities: [],
    messagesIn: counts,
    messagesOut: counts,
    families: [
      {
        family: 'ipv4-unicast',
        agreed: true,
        received: 5,
        accepted: 4,
        advertised: 3,
        stale: 0,
        queued: 0,
        endOfRib: true,
      },
      {
        family: 'ipv6-unicast',
        agreed: false,
        received: 0,
        accepted: 0,
        advertised: 0,
        stale: 0,
        queued: 0,
        endOfRib: false,
      },
    ],
    faults: { withdraw: 0, discard: 0, last: undefined },
    addPath: { receive: false, send: false },
    wish: {
      ...{ localAs: 64512, remoteAs: 65000, routerId: ip4(0x0a000001), port: 179, source: undefined },
      ...{
        passive: false,
        enabled: true,
        shutdownText: undefined,
        signed: false,
        ttlSecurityHops: undefined,
      },
      ...{ families: ['ipv4-unicast', 'ipv6-unicast'], overLimit: false },
    },
    history: { reach: undefined, lastEnd: undefined, lastNotification: undefined, collisions: 0 },
  };
  return { ...view, type: 'GlobalPeer', asNumber: 65000, held: undefined, bfd: undefined, ...about };
}

const timeOf = (at: number) => new Date(at).toISOString();
const desired = desiredSpeaker(factsOf(node('n1', ['10.0.0.1'])), 'n1');
const down = (about: Partial<PeerReport>) => report('192.0.2.2', { state: 'Active', ...about });

describe('BGPNodeStatus', () => {
  const view = (about: Partial<SpeakerView> = {}): SpeakerView => ({
    ...{ desired, peers: [report('192.0.2.1')], routesLearned: 7, problems: [], timeOf },
    unconfirmed: undefined,
    ...{ now: 2000, witness: NO_WITNESS },
    ...about,
  });
  const now = '2026-01-02T03:04:05Z';

  test('tells whether the node is in service, all peers know that it is drained, or it has left', () => {
    const on = (drain: string | undefined, about: Partial<SpeakerView> = {}) => {
      const annotations = drain === undefined ? {} : { 'muslin.dev/drain': drain };
      const plain = node('n1', ['10.0.0.1']);
      const facts = factsOf({ ...plain, metadata: { name: 'n1', annotations } as never });
      const { service, unconfirmed } = nodeStatus(
        view({ desired: desiredSpeaker(facts, 'n1'), ...about }),
        [],
        now,
      ) as NodeStatus;
      return [service, unconfirmed];
    };
    const behind = report('192.0.2.1');
    const families = behind.families.map(family => ({ ...family, queued: 1 }));
    expect(on(undefined)).toEqual(['InService', undefined]);
    expect(on('perhaps')).toEqual(['InService', undefined]);
    expect(on('true')).toEqual(['Drained', undefined]);
    expect(on('true', { peers: [{ ...behind, families }] })).toEqual(['InService', undefined]);
    expect(on('leave')).toEqual(['Leaving', undefined]);
    expect(on('leave', { unconfirmed: 1 })).toEqual(['Left', 1]);
  });

  test('tells sessions, how many are up, and that all is in effect', () => {
    const status = nodeStatus(view({ peers: [down({}), report('192.0.2.1')] }), [], now);
    expect(status).toMatchObject({
      routerID: '10.0.0.1',
      asNumber: 64512,
      peersEstablished: 1,
      routesLearned: 7,
      conditions: [
        { type: 'PeersConfigured', status: 'True', reason: 'AllInEffect', lastTransitionTime: now },
      ],
    });
    expect(status.peers[0]).toEqual({
      address: '192.0.2.1',
      asNumber: 65000,
      type: 'GlobalPeer',
      state: 'Established',
      since: '1970-01-01T00:00:01.000Z',
      finding: {
        ...{ code: 'up', severity: 'ok', whose: 'nobody' },
        message: 'The session with 192.0.2.1 is up; 192.0.2.1 does not offer ipv6-unicast.',
      },
      families: ['ipv4-unicast'],
      prefixesReceived: 5,
      prefixesAccepted: 4,
      prefixesAdvertised: 3,
    });
  });

  test('is what the kind says it is', () => {
    const problems: Problem[] = [{ object: 'BGPPeer x', reason: 'Invalid', message: 'bad' }];
    for (const status of [
      nodeStatus(view(), [], now),
      nodeStatus(view({ problems, desired: undefined }), [], now),
    ])
      expect(bgpNodeStatus.status?.safeParse(status).error).toBeUndefined();
  });

  test('says why a session is down: what holds it before what broke it, never an old error of one that is up', () => {
    const error = (peer: PeerReport) => nodeStatus(view({ peers: [peer] }), [], now).peers[0]?.lastError;
    expect(error(down({ held: 'no password', lastError: 'shut down' }))).toBe('no password');
    expect(error(down({ lastError: 'old', connectError: 'refused' }))).toBe('refused');
    expect(error(down({ lastError: 'old' }))).toBe('old');
    expect(error(report('192.0.2.1', { lastError: 'old' }))).toBeUndefined();
    expect(error(down({ lastError: 'x'.repeat(1000) }))).toHaveLength(512);
  });

  test('names what is not in effect, the first as reason, not more than twenty', () => {
    const problems = Array.from(
      { length: 25 },
      (_, i): Problem => ({
        object: `BGPPeer p${i}`,
        reason: 'FilterMissing',
        message: 'no filter',
      }),
    );
    const [condition] = nodeStatus(view({ problems }), [], now).conditions;
    expect(condition).toMatchObject({ status: 'False', reason: 'FilterMissing' });
    expect(condition?.message).toContain('BGPPeer p0: no filter; BGPPeer p1: no filter');
    expect(condition?.message).toMatch(/p19: no filter; and 5 more$/);
  });

  test('keeps the time of a condition while its status stays', () => {
    const first = nodeStatus(view(), [], now).conditions;
    const later = '2026-01-02T04:00:00Z';
    expect(nodeStatus(view(), first, later).conditions[0]?.lastTransitionTime).toBe(now);
    const problems: Problem[] = [{ object: 'x', reason: 'Invalid', message: 'y' }];
    expect(nodeStatus(view({ problems }), first, later).conditions[0]?.lastTransitionTime).toBe(later);
  });
});

describe('CalicoNodeStatus', () => {
  const view: NodeAnswerView = {
    desired,
    peers: [report('192.0.2.1'), down({ type: 'NodeMesh' }), report('2001:db8::1')],
    routes: [
      {
        family: 4,
        destination: '10.1.0.0/24',
        gateway: '192.0.2.1',
        interfaceName: 'eth0',
        peer: '192.0.2.1',
        inKernel: true,
      },
      {
        family: 4,
        destination: '10.2.0.0/24',
        gateway: '192.0.2.2',
        interfaceName: undefined,
        peer: '192.0.2.2',
        inKernel: false,
      },
      {
        family: 6,
        destination: 'fd00::/64',
        gateway: undefined,
        interfaceName: 'eth0',
        peer: undefined,
        inKernel: true,
      },
    ],
    version: 'v',
    bootTime: 'b',
    changeTime: undefined,
    timeOf,
  };

  test('is answered class by class, in the form of the kind', () => {
    const whole = calicoStatus(view, ['Agent', 'BGP', 'Routes']);
    expect(calicoNodeStatus.status?.safeParse(whole).error).toBeUndefined();
    expect(whole).toMatchObject({
      agent: { birdV4: { state: 'Ready', routerID: '10.0.0.1', lastBootTime: 'b' } },
      bgp: {
        numberEstablishedV4: 1,
        numberNotEstablishedV4: 1,
        numberEstablishedV6: 1,
        numberNotEstablishedV6: 0,
        peersV6: [{ peerIP: '2001:db8::1', state: 'Established' }],
      },
      routes: {
        routesV4: [
          { type: 'FIB', learnedFrom: { sourceType: 'BGPPeer', peerIP: '192.0.2.1' } },
          { type: 'RIB', learnedFrom: { sourceType: 'NodeMesh', peerIP: '192.0.2.2' } },
        ],
        routesV6: [{ type: 'FIB', interface: 'eth0', learnedFrom: { sourceType: 'Direct' } }],
      },
    });
    expect(Object.keys(calicoStatus(view, ['BGP']))).toEqual(['bgp']);
    expect(calicoStatus({ ...view, desired: undefined }, ['Agent']).agent?.birdV4?.state).toBe('NotReady');
  });

  test.each([
    [
      { node: 'n1', classes: ['BGP', 'Agent', 'Nonsense'], updatePeriodSeconds: 5 },
      { classes: ['Agent', 'BGP'], periodSeconds: 5 },
    ],
    [
      { node: 'n1', classes: ['BGP'] },
      { classes: ['BGP'], periodSeconds: 10 },
    ],
    [
      { node: 'n1', updatePeriodSeconds: 0 },
      { classes: [], periodSeconds: 0 },
    ],
    [{ node: 'n2', classes: ['BGP'] }, undefined],
    [undefined, undefined],
  ])('the question %j is read as %j', (spec, question) => {
    expect(readQuestion({ spec }, 'n1')).toEqual(question);
  });

  test('routes of the kernel are told with where they come from; blackholes are none', () => {
    const route = (about: object) =>
      ({
        destination: mustPrefix('10.1.0.0/24'),
        kind: 'unicast',
        scope: 'universe',
        protocol: 3,
        metric: 0,
        table: 254,
        ...about,
      }) as Route;
    const seen = seenRoutes(
      [
        route({ gateway: mustIp('192.0.2.1'), protocol: ROUTE_PROTOCOL_BGP }),
        route({ kind: 'blackhole', destination: mustPrefix('10.244.0.0/26') }),
        route({
          destination: mustPrefix('10.3.0.0/24'),
          nextHops: [{ gateway: mustIp('192.0.2.3'), interfaceName: 'e' }, {}],
        }),
      ],
      undefined,
    );
    expect(seen).toMatchObject([
      { destination: '10.1.0.0/24', gateway: '192.0.2.1', inKernel: true },
      { destination: '10.3.0.0/24', gateway: '192.0.2.3', interfaceName: 'e' },
    ]);
  });
});

test('convergence is measured from the bytes that changed a route to the peers, and to the kernel', () => {
  const seen: string[] = [];
  const convergence = new Convergence((to, seconds) => seen.push(`${to} ${seconds}`));
  const bytes = { kind: 'bytes', connection: 'c', bytes: new Uint8Array(0) } as const;
  const prefix = mustPrefix('10.0.0.0/8');
  const change = { kind: 'bestChanged', prefix, source: 'none', nextHops: [] } as const;
  const send = { kind: 'send', connection: 'd', bytes: new Uint8Array(0) } as const;
  const turn = (at: number, ...outputs: readonly Output[]) => {
    convergence.input(bytes, at);
    for (const output of outputs) convergence.output(output);
    convergence.performed(at + 2);
  };
  turn(1000, change, send);
  turn(1010, send);
  turn(1020, change);
  // What came while the kernel was being changed waits for the next round.
  convergence.synced(1015, 1030);
  convergence.synced(1040, 1050);
  convergence.synced(1060, 1070);
  expect(seen).toEqual(['peers 0.002', 'kernel 0.03', 'kernel 0.03']);
});

test('metrics follow the peers that there are', async () => {
  let peers: readonly PeerReport[] = [report('192.0.2.1', { established: 3 }), down({ established: 3 })];
  const falls = new Map([['192.0.2.2', 9]]);
  const { text } = metrics(() => ({ peers, falls, routesLearned: 7, routesRefused: 2, problems: 1 }));
  const first = await text();
  expect(await text()).toBe(first);
  expect(first).toContain('# TYPE muslin_bgp_peer_flaps_total counter');
  for (const line of [
    'muslin_bgp_peer_up{peer="192.0.2.1",type="GlobalPeer"} 1',
    'muslin_bgp_peer_up{peer="192.0.2.2",type="GlobalPeer"} 0',
    'muslin_bgp_peer_flaps_total{peer="192.0.2.1",type="GlobalPeer"} 2',
    'muslin_bgp_peer_flaps_total{peer="192.0.2.2",type="GlobalPeer"} 3',
    'muslin_bgp_peer_errors_total{peer="192.0.2.2",type="GlobalPeer"} 9',
    'muslin_bgp_peer_messages_received_total{peer="192.0.2.1",type="GlobalPeer"} 6',
    'muslin_bgp_peer_prefixes_received{peer="192.0.2.1",type="GlobalPeer"} 5',
    'muslin_bgp_peer_state{peer="192.0.2.2",type="GlobalPeer"} 3',
    'muslin_bgp_peer_prefixes_rejected{peer="192.0.2.1",type="GlobalPeer"} 1',
    'muslin_bgp_peer_messages_total{peer="192.0.2.1",direction="in",type="keepalive"} 3',
    'muslin_bgp_peer_finding{peer="192.0.2.1",code="up",severity="ok",whose="nobody"} 1',
    'muslin_bgp_routes_learned 7',
    'muslin_bgp_routes_refused 2',
    'muslin_bgp_configuration_problems 1',
  ])
    expect(first).toContain(`${line}\n`);
  peers = [];
  expect(await text()).not.toContain('192.0.2.1');
});

test('metrics tell what last ended a session or kept it down, and when', async () => {
  const reason = { cause: 'protocol-error', message: 'x', notification: notification(2, 2) } as const;
  const ended = { at: 5000, established: false, reason };
  const history = { ...report('192.0.2.2').history, lastEnd: ended };
  const refused = { failure: 'refused', message: 'x', at: 6000 } as const;
  const peers = [
    report('192.0.2.1'),
    down({ history }),
    report('192.0.2.3', { history: { ...history, reach: refused } }),
    report('192.0.2.4', { history: { ...history, reach: { ...refused, at: 4000 } } }),
  ];
  const view = {
    peers,
    falls: new Map(),
    routesLearned: 0,
    routesRefused: 0,
    problems: 0,
    origin: 1_000_000,
  };
  const lines = (await metrics(() => view).text()).split('\n');
  const name = 'muslin_bgp_peer_last_error_timestamp_seconds';
  expect(lines.filter(line => line.startsWith(name))).toEqual([
    `${name}{peer="192.0.2.2",cause="protocol-error",code="2",subcode="2"} 1005`,
    `${name}{peer="192.0.2.3",cause="refused",code="",subcode=""} 1006`,
    `${name}{peer="192.0.2.4",cause="protocol-error",code="2",subcode="2"} 1005`,
  ]);
});

test('JSON shows addresses and prefixes as text, however deep', () => {
  expect(
    readable({
      a: [mustPrefix('10.0.0.0/8'), { b: mustIp('fd00::1') }],
      c: new Map([['k', mustIp('10.0.0.1')]]),
      d: { length: 3, ip: 'x' },
      e: null,
    }),
  ).toEqual({
    a: ['10.0.0.0/8', { b: 'fd00::1' }],
    c: { k: '10.0.0.1' },
    d: { length: 3, ip: 'x' },
    e: null,
  });
});

describe('the command line', () => {
  test('needs a node, from itself or the environment, and has defaults for the rest', () => {
    expect(readOptions([], { NODENAME: 'n1' })).toMatchObject({
      ok: true,
      value: { node: 'n1', runDir: '/run/muslin', namespace: 'kube-system', kubeconfig: undefined },
    });
    expect(readOptions(['--node', 'a', '--namespace', 'b'], { NODENAME: 'n1' })).toMatchObject({
      value: { node: 'a', namespace: 'b' },
    });
    const journal = ['--journal', '/j', '--journal-size', '2'];
    expect(readOptions(journal, { NODENAME: 'n1' })).toMatchObject({
      value: { journal: '/j', journalMaxBytes: 2 << 20 },
    });
    expect(readOptions(['--journal-size', 'much'], { NODENAME: 'n1' }).ok).toBe(false);
    expect(readOptions([], {})).toEqual({ ok: false, fault: '--node is missing' });
    expect(readOptions(['--nonsense'], { NODENAME: 'n1' }).ok).toBe(false);
  });
});
