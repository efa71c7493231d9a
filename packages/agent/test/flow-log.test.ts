import type { NodeState } from '@muslin/api';
import { compile, NODE_CONFIG_DEFAULTS } from '@muslin/dataplane';
import type { Flow, LoggedPacket } from '@muslin/linux';
import { ipToBytes, mustIp, ok } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { deniedLabels } from '../src/flows/denied-labels.ts';
import { FlowLog } from '../src/flows/flow-log.ts';
import type { FlowRecord } from '../src/flows/flow-record.ts';
import { FlowRing } from '../src/flows/flow-ring.ts';
import { readPacketHeader } from '../src/flows/packet-header.ts';

const rule = (action: 'Allow' | 'Deny', source: object = {}) => ({
  action,
  source,
  destination: {},
  path: `spec.ingress[${action === 'Deny' ? 0 : 1}]`,
});
const policy = (key: string, name: string, kind: string, ingress: readonly object[], staged = false) =>
  [key, { key, source: { kind, namespace: 'shop', name }, ingress, egress: [], staged }] as const;
const STATE = {
  policies: new Map([
    policy('np/shop/db', 'db', 'NetworkPolicy', [
      rule('Deny', { nets: [{ ip: mustIp('10.0.0.66'), length: 32 }] }),
      rule('Allow', { nets: [{ ip: mustIp('10.0.0.2'), length: 32 }] }),
    ]),
    policy('snp/shop/tried', 'tried', 'StagedNetworkPolicy', [rule('Deny')], true),
  ]),
  deletions: new Map([
    [
      'snp/shop/db',
      {
        source: { kind: 'StagedNetworkPolicy', namespace: 'shop', name: 'db' },
        removes: 'np/shop/db',
      },
    ],
  ]),
  sets: new Map(),
  endpoints: new Map([
    [
      'pod/shop/db',
      {
        key: 'pod/shop/db',
        namespace: 'shop',
        name: 'db',
        ips: [mustIp('10.0.0.1')],
        tiers: {
          ingress: [{ tier: 'default', policies: ['snp/shop/tried', 'np/shop/db'], defaultAction: 'Deny' }],
          egress: [],
        },
      },
    ],
  ]),
} as unknown as NodeState;

/** The notes that rules of the state would send, by the rule that they stand before. */
function notes(): ReadonlyMap<string, string> {
  const config = {
    ...NODE_CONFIG_DEFAULTS,
    ...{
      family: 4 as const,
      pools: [],
      interfacesOf: () => ['msl0'],
      deniedLog: { group: 1, perSecond: 50 },
    },
  };
  const found = new Map<string, string>();
  for (const chain of compile(STATE, config).tables.get('filter')?.chains.values() ?? [])
    for (const [i, { action }] of chain.rules.entries())
      if (action.kind === 'nflog') {
        expect(action.perSecond).toBe(50);
        found.set(chain.rules[i + 1]?.comment ?? '', action.prefix);
      }
  return found;
}

function packet(from: string, to: string, port: number, prefix: string): LoggedPacket {
  const payload = new Uint8Array(28);
  payload.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 6]);
  payload.set(ipToBytes(mustIp(from)), 12);
  payload.set(ipToBytes(mustIp(to)), 16);
  payload.set([0x9c, 0x40, port >> 8, port & 255], 20);
  return { prefix, hook: 2, payload };
}

function logOf(flows: () => readonly Flow[] = () => []) {
  const denied: FlowRecord[] = [];
  let now = 1_000;
  const log = new FlowLog({
    tracker: { read: () => ok([...flows()]) },
    state: () => STATE,
    onDenied: record => denied.push(record),
    onLost: () => {},
    now: () => now,
  });
  return { log, denied, wait: (ms: number) => (now += ms) };
}

describe('denied packets', () => {
  test('are told with the rule that denied them, its pod, and what a staged policy would have done', () => {
    const { log, denied } = logOf();
    const known = notes();
    log.heard([
      packet('10.0.0.66', '10.0.0.1', 80, known.get('np/shop/db spec.ingress[0]') ?? ''),
      packet('10.0.0.9', '10.0.0.1', 443, known.get('end of tier default') ?? ''),
      packet('10.0.0.9', '10.0.0.1', 443, 'somebody else'),
    ]);
    expect(log.read(undefined, false)).toMatchObject({
      lost: 0,
      records: [
        {
          ...{ verdict: 'deny', direction: 'ingress', protocol: 6, rule: 'spec.ingress[0]' },
          policy: { kind: 'NetworkPolicy', namespace: 'shop', name: 'db' },
          source: { ip: '10.0.0.66', port: 40_000 },
          destination: { ip: '10.0.0.1', port: 80, pod: 'shop/db' },
          staged: [
            { policy: { name: 'tried' }, would: 'Deny' },
            {
              policy: { kind: 'StagedNetworkPolicy', name: 'db' },
              would: 'Allow',
              deletes: { kind: 'NetworkPolicy', name: 'db' },
            },
          ],
        },
        { verdict: 'deny', tier: 'default', destination: { port: 443 }, staged: [{}, { would: 'Allow' }] },
      ],
    });
    expect(denied).toHaveLength(2);
  });

  test('that policies of the pod allow were denied elsewhere: no deletion of one would let them through', () => {
    const { log } = logOf();
    log.heard([packet('10.0.0.2', '10.0.0.1', 80, notes().get('end of tier default') ?? '')]);
    expect(log.read(undefined, false).records.map(({ staged }) => staged)).toEqual([
      [{ policy: { kind: 'StagedNetworkPolicy', namespace: 'shop', name: 'tried' }, would: 'Deny' }],
    ]);
  });

  test('of a flood take bounded memory, and a slow reader is told what it missed', () => {
    const { log } = logOf();
    const note = notes().get('end of tier default') ?? '';
    const first = log.read(undefined, false).next;
    for (let i = 0; i < 200; i++)
      log.heard(Array.from({ length: 100 }, () => packet('10.0.0.9', '10.0.0.1', 443, note)));
    let page = log.read(first, false);
    expect(page.lost).toBe(20_000 - 4_096);
    let got = page.records.length;
    while (page.records.length > 0) got += (page = log.read(page.next, false)).records.length;
    expect(got).toBe(4_096);
  });

  test('count for a bounded number of policies and rules', () => {
    const labels = deniedLabels();
    const seen = new Set<string>();
    for (let i = 0; i < 2_000; i++) {
      const policy = { kind: 'NetworkPolicy', namespace: 'shop', name: `p${i}` };
      seen.add(JSON.stringify(labels({ policy, rule: 'r', direction: 'ingress' } as unknown as FlowRecord)));
    }
    expect(seen.size).toBe(501);
  });
});

describe('allowed connections', () => {
  const flow = (port: number): Flow =>
    ({
      original: {
        source: mustIp('10.0.0.2'),
        destination: mustIp('10.96.0.1'),
        protocol: 6,
        sourcePort: port,
        destinationPort: 80,
      },
      reply: {
        source: mustIp('10.0.0.1'),
        destination: mustIp('10.0.0.2'),
        protocol: 6,
        sourcePort: 5432,
        destinationPort: port,
      },
    }) as unknown as Flow;

  test('are told while somebody watches, those that are new, with the Service that was dialled', () => {
    let flows = [flow(1)];
    const { log, wait } = logOf(() => flows);
    const first = log.read(undefined, true);
    expect(first.records).toEqual([]);
    flows = [flow(1), flow(2)];
    wait(1_000);
    expect(log.read(first.next, true).records).toMatchObject([
      {
        ...{ verdict: 'allow', direction: 'ingress', rule: 'spec.ingress[1]' },
        destination: { ip: '10.0.0.1', port: 5432, pod: 'shop/db' },
        dialled: { ip: '10.96.0.1', port: 80 },
        staged: [{ would: 'Deny' }, { would: 'Allow', deletes: { name: 'db' } }],
      },
    ]);
    flows = [flow(3)];
    wait(60_000);
    expect(log.read(undefined, true).records.filter(one => one.source.port === 3)).toEqual([]);
  });

  test('are told again when they have ended, with what went either way', () => {
    const counted = (packets: number, seenReply: boolean): Flow => ({
      ...flow(2),
      seenReply,
      sent: { packets, bytes: packets * 100 },
      received: { packets: packets - 1, bytes: packets * 1000 },
    });
    let flows: readonly Flow[] = [];
    const { log, wait } = logOf(() => flows);
    let { next } = log.read(undefined, true);
    const look = (now: readonly Flow[]) => {
      flows = now;
      wait(1_000);
      const page = log.read(next, true);
      next = page.next;
      return page.records;
    };
    expect(look([counted(1, false)])).toMatchObject([{ answered: false, sent: { packets: 1, bytes: 100 } }]);
    expect(look([counted(7, true)])).toEqual([]);
    expect(look([])).toMatchObject([
      {
        ...{ verdict: 'allow', ended: true, answered: true, rule: 'spec.ingress[1]' },
        sent: { packets: 7, bytes: 700 },
        received: { packets: 6, bytes: 7000 },
        dialled: { ip: '10.96.0.1', port: 80 },
      },
    ]);
    expect(look([])).toEqual([]);
  });

  test('of a flood are followed to their end for a bounded number', () => {
    let flows: readonly Flow[] = [];
    const { log, wait } = logOf(() => flows);
    log.read(undefined, true);
    for (let i = 1; i <= 30; i++) {
      flows = Array.from({ length: i * 64 }, (_, port) => flow(port + 1));
      wait(1_000);
      log.read(undefined, true);
    }
    flows = [];
    wait(1_000);
    let ended = 0;
    for (let page = log.read(0, true); page.records.length > 0; page = log.read(page.next, false))
      ended += page.records.filter(record => record.ended === true).length;
    expect(ended).toBe(1_024);
  });

  test('are a sample', () => {
    let flows: readonly Flow[] = [];
    const { log, wait } = logOf(() => flows);
    log.read(undefined, true);
    flows = Array.from({ length: 5_000 }, (_, i) => flow(i + 1));
    wait(1_000);
    expect(log.read(0, true).records).toHaveLength(64);
  });
});

test('the ring gives a reader from before a restart the latest', () => {
  const ring = new FlowRing<number>(4);
  for (let i = 0; i < 10; i++) ring.put(i);
  expect(ring.read(99, 2)).toEqual({ next: 10, lost: 0, records: [8, 9] });
  expect(ring.read(7, 9)).toEqual({ next: 10, lost: 0, records: [7, 8, 9] });
  expect(ring.read(2, 2)).toEqual({ next: 8, lost: 4, records: [6, 7] });
});

test('no bytes make a header throw', () => {
  for (let length = 0; length < 60; length++)
    for (const first of [0x45, 0x4f, 0x60, 0x00, 0xff]) {
      const bytes = new Uint8Array(length).fill(0);
      if (length > 0) bytes[0] = first;
      expect(() => readPacketHeader(bytes)).not.toThrow();
    }
});
