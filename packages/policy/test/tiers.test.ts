import type { FactChange } from '@muslin/api';
import { mustIp } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { type Decision, nodeState, verdict } from '../src/index.ts';
import { block, cluster, namespace, node, peer, pod, policy, ports, TCP, tier, UDP } from './cluster.ts';

const world: readonly FactChange[] = [
  node('n1', '192.168.0.1'),
  namespace('shop'),
  pod('shop/db', { ips: ['10.0.0.1', 'fd00::1'], labels: { app: 'db' } }),
  pod('shop/web', { ips: ['10.0.0.2', 'fd00::2'], labels: { app: 'web' } }),
];

/** What the ingress policies of shop/db say to shop/web. */
function ingress(things: readonly FactChange[], protocol = TCP, port = 80): Decision {
  const flow = { from: { endpoint: 'pod/shop/web' }, to: { endpoint: 'pod/shop/db' }, protocol, port };
  const answer = verdict(cluster(...world, ...things), flow);
  if (!answer.ok) throw new Error(answer.fault.message);
  return answer.value.paths[0]?.ingress as Decision;
}

const order = (things: readonly FactChange[]) =>
  nodeState(cluster(...world, ...things), 'n1')
    .endpoints.get('pod/shop/db')
    ?.tiers.ingress.map(plan => [plan.tier, ...plan.policies].join(' '));

describe('tiers', () => {
  it('are asked by order, then name, those without an order last', () => {
    const names = ['c', 'b', 'a', 'z'];
    const tiers = [tier('c', { order: 1 }), tier('b', { order: 2 }), tier('a', { order: 2 }), tier('z')];
    const things = [...tiers, ...names.map(name => policy(`gnp/${name}`, { tier: name }))];
    expect(order(things)).toEqual(['c gnp/c', 'a gnp/a', 'b gnp/b', 'z gnp/z']);
  });

  it('ask their policies by order, then name, then key; those without an order last', () => {
    const things = [
      policy('gnp/b', { order: 5 }),
      policy('np/shop/a', { order: 5 }),
      policy('gnp/a', { order: 5 }),
      policy('gnp/0', { order: Number.POSITIVE_INFINITY }),
      policy('gnp/z', { order: -1 }),
    ];
    expect(order(things)).toEqual(['default gnp/z gnp/a np/shop/a gnp/b gnp/0']);
  });

  it('deny at their end only what has an enforced policy there for that direction', () => {
    expect(
      ingress([tier('sec', { order: 1 }), policy('gnp/p', { tier: 'sec', egress: [{}] })]),
    ).toMatchObject({
      answer: 'allow',
      because: { code: 'no-policy' },
    });
    expect(ingress([tier('sec', { order: 1 }), policy('gnp/p', { tier: 'sec' })])).toMatchObject({
      answer: 'deny',
      because: { code: 'tier-default', tier: 'sec', policies: ['gnp/p'] },
    });
  });

  it('hand on at their end when their default action is Pass', () => {
    const sec = [tier('sec', { order: 1, defaultAction: 'Pass' }), policy('gnp/p', { tier: 'sec' })];
    expect(ingress(sec)).toMatchObject({ answer: 'allow', because: { code: 'past-last-tier' } });
    expect(ingress([...sec, policy('np/shop/last')])).toMatchObject({
      answer: 'deny',
      because: { code: 'tier-default', tier: 'default' },
    });
  });

  it('are closed and last when policies name one that does not exist', () => {
    const things = [policy('gnp/p', { tier: 'ghost' }), policy('gnp/q', { ingress: [{ action: 'Pass' }] })];
    expect(order(things)).toEqual(['default gnp/q', 'ghost gnp/p']);
    expect(ingress(things)).toMatchObject({ answer: 'deny', because: { tier: 'ghost' } });
  });
});

describe('actions', () => {
  it('decide by the first rule that matches', () => {
    const first = policy('gnp/a', { order: 1, ingress: [{ action: 'Deny', source: peer("app == 'web'") }] });
    const second = policy('gnp/b', { order: 2, ingress: [{ action: 'Allow' }] });
    expect(ingress([second, first])).toMatchObject({
      answer: 'deny',
      because: { code: 'rule', policy: 'gnp/a', path: 'spec.ingress[0]' },
    });
  });

  it('Pass skips the rest of its tier, whatever the tier would do', () => {
    const things = [
      tier('sec', { order: 1 }),
      policy('gnp/a', { tier: 'sec', order: 1, ingress: [{ action: 'Pass' }] }),
      policy('gnp/b', { tier: 'sec', order: 2, ingress: [{ action: 'Deny' }] }),
      policy('np/shop/c', { ingress: [{ action: 'Allow' }] }),
    ];
    expect(ingress(things)).toMatchObject({ answer: 'allow', because: { policy: 'np/shop/c' } });
    expect(ingress(things.slice(0, 3))).toMatchObject({
      answer: 'allow',
      because: { code: 'past-last-tier' },
    });
  });

  it('Log is noted and goes on', () => {
    const decision = ingress([policy('gnp/a', { ingress: [{ action: 'Log' }, { action: 'Allow' }] })]);
    expect(decision).toMatchObject({ answer: 'allow', because: { path: 'spec.ingress[1]' } });
    expect(decision.tiers[0]?.policies[0]?.rules.map(rule => [rule.rule.action, rule.matched])).toEqual([
      ['Log', true],
      ['Allow', true],
    ]);
    expect(ingress([policy('gnp/a', { ingress: [{ action: 'Log' }] })]).answer).toBe('deny');
  });
});

describe('staged policies', () => {
  it('are asked for the record and change nothing', () => {
    const staged = policy('sgnp/a', { staged: true, order: 1, ingress: [{ action: 'Deny' }] });
    const decision = ingress([staged]);
    expect(decision).toMatchObject({ answer: 'allow', because: { code: 'no-policy' } });
    expect(decision.tiers[0]).toMatchObject({
      outcome: 'staged-only',
      policies: [{ outcome: 'Deny', staged: true }],
    });
    expect(order([staged])).toEqual(['default sgnp/a']);
  });

  it('do not hide what an enforced policy of the tier decides', () => {
    const staged = policy('sgnp/a', { staged: true, order: 1, ingress: [{ action: 'Deny' }] });
    const open = policy('gnp/b', { order: 2, ingress: [{ action: 'Allow', source: peer("app == 'web'") }] });
    expect(ingress([staged, open])).toMatchObject({ answer: 'allow', because: { policy: 'gnp/b' } });
  });
});

describe('parts of a rule', () => {
  it.each([
    ['family', { family: 6 as const }],
    ['protocol', { protocol: UDP }],
    ['notProtocol', { notProtocol: TCP }],
    ['icmp', { icmp: { type: 8 } }],
    ['source.nets', { source: block('10.1.0.0/16') }],
    ['source.notNets', { source: block('10.0.0.0/8', '10.0.0.2/32') }],
    ['source.inSets', { source: peer("app == 'db'") }],
    ['source.notInSets', { source: { notSelector: { op: 'eq' as const, key: 'app', value: 'web' } } }],
    ['source.ports', { source: ports(80) }],
    ['destination.ports', { protocol: TCP, destination: ports(81) }],
    ['destination.portSets', { protocol: TCP, destination: ports('http') }],
    ['destination.notPorts', { destination: { notPorts: [{ first: 79, last: 81 }] } }],
  ])('names %s when that is what did not match', (part, rule) => {
    const decision = ingress([policy('gnp/p', { ingress: [rule] })]);
    expect(decision).toMatchObject({
      answer: 'deny',
      tiers: [{ policies: [{ rules: [{ failed: part }] }] }],
    });
  });

  it('names the member that matched', () => {
    const decision = ingress([policy('gnp/p', { ingress: [{ source: peer("app == 'web'") }] })]);
    expect(decision.because).toMatchObject({
      members: [{ part: 'source.inSets', set: 'selector:app == "web"', member: '10.0.0.2/32' }],
    });
  });

  it('excludes a named port by notPorts on the pods that have it', () => {
    const http = { ports: [{ name: 'http', protocol: TCP, port: 80 }], ips: ['10.0.0.1'] };
    const rule = { protocol: TCP, destination: { notPorts: [{ name: 'http' }] } };
    expect(ingress([pod('shop/db', http), policy('gnp/p', { ingress: [rule] })]).answer).toBe('deny');
    expect(ingress([policy('gnp/p', { ingress: [rule] })]).answer).toBe('allow');
  });

  it('reads a ping as an echo request of the packet’s family', () => {
    const echo = policy('gnp/p', {
      ingress: [
        { protocol: 1, icmp: { type: 8, code: 0 } },
        { protocol: 58, icmp: { type: 128 } },
      ],
    });
    const ping = (protocol: number, family: 4 | 6) => {
      const [from, to] = [{ endpoint: 'pod/shop/web' }, { endpoint: 'pod/shop/db' }];
      const answer = verdict(cluster(...world, echo), { from, to, protocol, family });
      return answer.ok && answer.value.answer;
    };
    expect([ping(1, 4), ping(58, 6)]).toEqual(['allow', 'allow']);
  });

  it('tells ICMP codes of one type apart', () => {
    const flow = {
      from: { endpoint: 'pod/shop/web' },
      to: { endpoint: 'pod/shop/db' },
      protocol: 1,
      icmp: { type: 3, code: 4 },
    };
    const coded = (code: number) => policy('gnp/p', { ingress: [{ protocol: 1, icmp: { type: 3, code } }] });
    expect(verdict(cluster(...world, coded(4)), flow)).toMatchObject({ value: { answer: 'allow' } });
    expect(verdict(cluster(...world, coded(1)), flow)).toMatchObject({ value: { answer: 'deny' } });
    const not = policy('gnp/p', { ingress: [{ protocol: 1, notIcmp: { type: 3, code: 1 } }] });
    expect(verdict(cluster(...world, not), flow)).toMatchObject({ value: { answer: 'allow' } });
  });

  it('matches an address that two pods list by either', () => {
    const twin = pod('shop/twin', { ips: ['10.0.0.2'], labels: { app: 'twin' } });
    const rule = policy('gnp/p', { selector: "app == 'db'", ingress: [{ source: peer("app == 'twin'") }] });
    const flow = {
      from: { ip: mustIp('10.0.0.2') },
      to: { endpoint: 'pod/shop/db' },
      protocol: TCP,
      port: 80,
    };
    expect(verdict(cluster(...world, twin, rule), flow)).toMatchObject({
      ok: true,
      value: {
        answer: 'allow',
        notes: [{ code: 'shared-address', endpoints: ['pod/shop/twin', 'pod/shop/web'] }],
      },
    });
  });
});
