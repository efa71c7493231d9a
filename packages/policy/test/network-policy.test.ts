import type { FactChange } from '@muslin/api';
import { mustIp } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { type Flow, type FlowEnd, nodeState, verdict } from '../src/index.ts';
import {
  block,
  changed,
  cluster,
  namespace,
  networkSet,
  node,
  peer,
  pod,
  policy,
  ports,
  type RuleOptions,
  service,
  serviceAccount,
  TCP,
  UDP,
} from './cluster.ts';

const world: readonly FactChange[] = [
  node('n1', '192.168.0.1', 'fd01::1'),
  node('n2', '192.168.0.2'),
  namespace('shop', { team: 'sales' }),
  namespace('lab', { team: 'science' }),
  pod('shop/web', { ips: ['10.0.0.1', 'fd00::1'], labels: { app: 'web' } }),
  pod('shop/db', { ips: ['10.0.0.2', 'fd00::2'], labels: { app: 'db' } }),
  pod('lab/web', { ips: ['10.0.0.3'], labels: { app: 'web' }, node: 'n2' }),
  pod('lab/agent', { ips: ['192.168.0.2'], labels: { app: 'agent' }, node: 'n2', hostNetwork: true }),
];

const end = (text: string): FlowEnd => (text.startsWith('pod/') ? { endpoint: text } : { ip: mustIp(text) });
const flow = (from: string, to: string, more: Partial<Flow> = {}): Flow => ({
  from: end(from),
  to: end(to),
  protocol: TCP,
  port: 80,
  ...more,
});

/** The answer in a cluster of the world above and these things. */
function ask(things: readonly FactChange[], from: string, to: string, more: Partial<Flow> = {}): string {
  const answer = verdict(cluster(...world, ...things), flow(from, to, more));
  return answer.ok ? answer.value.answer : answer.fault.code;
}

const [WEB, DB, FAR] = ['pod/shop/web', 'pod/shop/db', 'pod/lab/web'];
const ingress = (key: string, selector: string, ...rules: readonly RuleOptions[]) =>
  policy(key, { selector, ingress: rules });
const egress = (key: string, selector: string, ...rules: readonly RuleOptions[]) =>
  policy(key, { selector, egress: rules });
const denyAll = ingress('knp/shop/deny', 'all()');

describe('NetworkPolicy v1', () => {
  it('allows everything while no policy selects either end', () => {
    expect(ask([], FAR, DB)).toBe('allow');
    expect(ask([], DB, '203.0.113.9')).toBe('allow');
  });

  it('isolates only the directions that a policy names (S2, S3)', () => {
    const onlyEgress = policy('knp/shop/p', { directions: ['egress'], ingress: [{}] });
    expect(ask([onlyEgress], FAR, DB)).toBe('allow');
    expect(ask([onlyEgress], DB, FAR)).toBe('deny');
  });

  it('ignores the rules of a direction that a policy does not isolate (S2)', () => {
    const state = nodeState(
      cluster(...world, policy('knp/shop/p', { directions: ['ingress'], ingress: [{}], egress: [{}] })),
      'n1',
    );
    expect(state.policies.get('knp/shop/p')).toMatchObject({ ingress: [{}], egress: [] });
  });

  it('allows any peer and port by the empty rule (S4)', () => {
    expect(ask([ingress('knp/shop/p', 'all()', {})], '203.0.113.9', DB, { protocol: UDP })).toBe('allow');
  });

  it('takes a peer selector within the namespaces that it says (S5)', () => {
    const own = ingress('knp/shop/p', "app == 'db'", {
      source: peer("app == 'web' && projectcalico.org/namespace == 'shop'"),
    });
    expect(ask([own], WEB, DB)).toBe('allow');
    expect(ask([own], FAR, DB)).toBe('deny');
    const science = ingress('knp/shop/p', "app == 'db'", { source: peer("pcns.team == 'science'") });
    expect(ask([science], WEB, DB)).toBe('deny');
    expect(ask([science], FAR, DB)).toBe('allow');
  });

  it('selects all pods of its namespace by the empty selector, and none beyond it (S6, S38)', () => {
    expect(ask([denyAll], FAR, DB)).toBe('deny');
    expect(ask([denyAll], DB, FAR)).toBe('allow');
  });

  it('matches objects that lack the key by NotIn and DoesNotExist (S7)', () => {
    const notIn = ingress('knp/shop/p', "app == 'db'", { source: peer("tier not in {'x'} && !has(tier)") });
    expect(ask([notIn], FAR, DB)).toBe('allow');
  });

  it('unites policies in any order (S8)', () => {
    const one = ingress('knp/shop/a', "app == 'db'", { source: peer("app == 'none'") });
    const two = ingress('knp/shop/b', "app == 'db'", { source: peer("app == 'web'") });
    expect(ask([one, two], FAR, DB)).toBe('allow');
    expect(ask([two, one], FAR, DB)).toBe('allow');
    expect(ask([one], FAR, DB)).toBe('deny');
  });

  it('needs the consent of both ends (S9)', () => {
    const out = egress('knp/shop/out', "app == 'web'", { destination: peer("app == 'db'") });
    expect(ask([out], WEB, DB)).toBe('allow');
    expect(ask([out, denyAll], WEB, DB)).toBe('deny');
    expect(ask([out], WEB, FAR)).toBe('deny');
  });

  it('denies what no peer matches when the peer selector matches nothing (S37)', () => {
    expect(ask([ingress('knp/shop/p', 'all()', { source: peer("app == 'ghost'") })], WEB, DB)).toBe('deny');
  });

  it('denies every rule whose lists are empty rather than absent', () => {
    expect(ask([ingress('knp/shop/p', 'all()', { source: { nets: [] } })], WEB, DB)).toBe('deny');
    const noPort = { protocol: TCP, destination: { ports: [] } };
    expect(ask([ingress('knp/shop/p', 'all()', noPort)], WEB, DB)).toBe('deny');
  });
});

describe('ports', () => {
  const http = [{ name: 'http', protocol: TCP, port: 8080 }];
  const named = ingress('knp/shop/p', 'all()', { protocol: TCP, destination: ports('http') });

  it('resolves a name on each destination pod for itself and for its protocol (S10)', () => {
    const things = [
      pod('shop/web', { ips: ['10.0.0.1'], ports: http }),
      pod('shop/db', {
        ips: ['10.0.0.2'],
        ports: [
          { name: 'http', protocol: TCP, port: 9090 },
          { name: 'http', protocol: TCP, port: 9091 },
          { name: 'http', protocol: UDP, port: 7070 },
        ],
      }),
      named,
    ];
    expect(ask(things, FAR, WEB, { port: 8080 })).toBe('allow');
    expect(ask(things, FAR, WEB, { port: 9090 })).toBe('deny');
    expect(ask(things, FAR, DB, { port: 9090 })).toBe('allow');
    expect(ask(things, FAR, DB, { port: 9091 })).toBe('allow');
    expect(ask(things, FAR, DB, { port: 7070 })).toBe('deny');
    expect(ask(things, FAR, DB, { port: 7070, protocol: UDP })).toBe('deny');
  });

  it('matches nothing by a name that no pod resolves (S10)', () => {
    expect(ask([named], FAR, DB)).toBe('deny');
  });

  it('never matches an external address by a port name (S11)', () => {
    const out = egress('knp/shop/p', 'all()', {
      protocol: TCP,
      destination: { ...block('0.0.0.0/0'), ...ports('http') },
    });
    const things = [pod('lab/web', { ips: ['10.0.0.3'], node: 'n2', ports: http }), out];
    expect(ask(things, WEB, '203.0.113.9', { port: 8080 })).toBe('deny');
    expect(ask(things, WEB, FAR, { port: 8080 })).toBe('allow');
  });

  it('needs the address, the selector and the name together', () => {
    const rule = { protocol: TCP, destination: { ...peer("app == 'web'"), ...ports('http', 53) } };
    const things = [
      pod('shop/db', { ips: ['10.0.0.2'], labels: { app: 'db' }, ports: http }),
      pod('lab/web', { ips: ['10.0.0.3'], labels: { app: 'web' }, node: 'n2', ports: http }),
      egress('np/shop/p', "app == 'web'", rule),
    ];
    expect(ask(things, WEB, FAR, { port: 8080 })).toBe('allow');
    expect(ask(things, WEB, FAR, { port: 53 })).toBe('allow');
    expect(ask(things, WEB, FAR, { port: 80 })).toBe('deny');
    expect(ask(things, WEB, DB, { port: 8080 })).toBe('deny');
  });

  it('lists an ip-port member for each address of a dual-stack pod', () => {
    const things = [pod('shop/db', { ips: ['10.0.0.2', 'fd00::2'], ports: http }), named];
    const { sets } = nodeState(cluster(...world, ...things), 'n1');
    expect([...sets.values()]).toEqual([
      { kind: 'ip-port', members: new Set(['10.0.0.2,tcp:8080', 'fd00::2,tcp:8080']) },
    ]);
  });

  it('lists no member for a name that stands for another protocol', () => {
    const udp = [{ name: 'http', protocol: UDP, port: 8080 }];
    const { sets } = nodeState(
      cluster(...world, pod('shop/db', { ips: ['10.0.0.2'], ports: udp }), named),
      'n1',
    );
    expect([...sets.values()].map(set => set.members.size)).toEqual([0]);
  });

  it('takes endPort inclusively, however wide, without members (S13)', () => {
    const things = [
      ingress('knp/shop/p', 'all()', { protocol: TCP, destination: ports('80:90', '85:65535') }),
    ];
    expect(ask(things, WEB, DB, { port: 80 })).toBe('allow');
    expect(ask(things, WEB, DB, { port: 65535 })).toBe('allow');
    expect(ask(things, WEB, DB, { port: 79 })).toBe('deny');
    const state = nodeState(cluster(...world, ...things), 'n1');
    expect(state.sets.size).toBe(0);
    expect(state.policies.get('knp/shop/p')?.ingress[0]?.destination.ports).toEqual([
      { first: 80, last: 65535 },
    ]);
  });

  it('means every port by a protocol alone, and denies ICMP once isolated (S12)', () => {
    const udp = [ingress('knp/shop/p', 'all()', { protocol: UDP })];
    expect(ask(udp, WEB, DB, { protocol: UDP, port: 1 })).toBe('allow');
    expect(ask(udp, WEB, DB, { protocol: TCP, port: 1 })).toBe('deny');
    expect(ask(udp, WEB, DB, { protocol: 1 })).toBe('deny');
  });

  it('never lets an SCTP rule act as TCP, while it still isolates (S14)', () => {
    const sctp = [ingress('knp/shop/p', 'all()', { protocol: 132, destination: ports(80) })];
    expect(ask(sctp, WEB, DB)).toBe('deny');
    expect(ask(sctp, WEB, DB, { protocol: 132 })).toBe('allow');
  });
});

describe('addresses', () => {
  it('matches pods by ipBlock as well (S15)', () => {
    expect(ask([ingress('knp/shop/p', 'all()', { source: block('0.0.0.0/0') })], FAR, DB)).toBe('allow');
  });

  it('carves an exception out of its own rule only (S15)', () => {
    const except = { source: block('10.0.0.0/24', '10.0.0.0/30') };
    expect(ask([ingress('knp/shop/p', 'all()', except)], WEB, DB)).toBe('deny');
    const both = ingress('knp/shop/p', 'all()', except, { source: block('10.0.0.1/32') });
    expect(ask([both], WEB, DB)).toBe('allow');
    expect(ask([both], FAR, DB)).toBe('deny');
  });

  it('never matches outsiders, nodes or host-networked pods by a selector (S16, S18)', () => {
    const all = [ingress('knp/shop/p', 'all()', { source: peer('all()') })];
    expect(ask(all, FAR, DB)).toBe('allow');
    expect(ask(all, '203.0.113.9', DB)).toBe('deny');
    expect(ask(all, '192.168.0.2', DB)).toBe('deny');
    expect(ask(all, 'pod/lab/agent', DB)).toBe('deny');
    const byIp = [ingress('knp/shop/p', 'all()', { source: block('192.168.0.2/32') })];
    expect(ask(byIp, 'pod/lab/agent', DB)).toBe('allow');
  });

  it('never applies to host-networked pods (S18)', () => {
    expect(ask([ingress('gnp/p', 'all()')], WEB, 'pod/lab/agent')).toBe('allow');
    expect(nodeState(cluster(...world, ingress('gnp/p', 'all()')), 'n2').endpoints.has('pod/lab/agent')).toBe(
      false,
    );
  });

  it('always lets a node reach its own pods, but no other node (S19)', () => {
    expect(ask([denyAll], '192.168.0.1', DB)).toBe('allow');
    expect(ask([denyAll], 'fd01::1', DB)).toBe('allow');
    expect(ask([denyAll], '192.168.0.2', DB)).toBe('deny');
    const kubelet = pod('kube-system/proxy', { ips: ['192.168.0.1'], hostNetwork: true });
    expect(ask([denyAll, kubelet], 'pod/kube-system/proxy', DB)).toBe('allow');
  });

  it('asks the egress policy about a pod that dials its own node (S20)', () => {
    expect(ask([egress('knp/shop/p', 'all()')], DB, '192.168.0.1')).toBe('deny');
    expect(ask([], DB, '192.168.0.1')).toBe('allow');
  });

  it('always lets a pod reach itself by its own address (S21)', () => {
    const closed = policy('knp/shop/p', { directions: ['ingress', 'egress'] });
    expect(ask([closed], DB, DB)).toBe('allow');
    expect(ask([closed], DB, '10.0.0.2')).toBe('allow');
  });

  it('treats the address of a pod as that pod', () => {
    const things = [ingress('knp/shop/p', "app == 'db'", { source: peer("app == 'web'") })];
    expect(ask(things, '10.0.0.1', '10.0.0.2')).toBe('allow');
    expect(ask(things, '10.0.0.9', '10.0.0.2')).toBe('deny');
  });
});

describe('Services', () => {
  const web = service('shop/web', '10.96.0.1', ['10.0.0.2:8080', '10.0.0.3:8080']);
  const dial = { to: { service: 'shop/web' } };

  it('asks about each backend and its port after translation, not about the ClusterIP (S22)', () => {
    const byClusterIp = egress('knp/shop/p', 'all()', { destination: block('10.96.0.1/32') });
    expect(ask([web, byClusterIp], WEB, DB, dial)).toBe('deny');
    const byBackend = egress('knp/shop/p', 'all()', {
      protocol: TCP,
      destination: { ...block('10.0.0.3/32'), ...ports(8080) },
    });
    expect(ask([web, byBackend], WEB, DB, dial)).toBe('allow');
    expect(ask([web, byBackend], WEB, '10.96.0.1')).toBe('allow');
    const answer = verdict(cluster(...world, web, byBackend), flow(WEB, DB, dial));
    expect(answer.ok && answer.value.paths.map(path => path.answer)).toEqual(['deny', 'allow']);
  });

  it('counts on ready backends only, and says when there is none', () => {
    const idle = service('shop/web', '10.96.0.1', [], { notReady: ['10.0.0.2:8080'] });
    const answer = verdict(cluster(...world, idle), flow(WEB, DB, dial));
    expect(answer).toMatchObject({
      ok: true,
      value: { answer: 'deny', paths: [{ answer: 'allow', ready: false }] },
    });
    expect(answer.ok && answer.value.notes.map(note => note.code)).toEqual(['translated', 'no-backends']);
  });

  it('dials the pods of a headless Service at the port that was asked for', () => {
    const headless = service('shop/web', undefined, ['10.0.0.2:8080']);
    const open = ingress('knp/shop/p', 'all()', { protocol: TCP, destination: ports(80) });
    expect(ask([headless, open], FAR, DB, dial)).toBe('allow');
    expect(ask([headless, open], FAR, DB, { ...dial, port: 8080 })).toBe('deny');
  });

  it('resolves a headless Service to what is ready, and to the pod itself without a detour', () => {
    const mixed = service('shop/web', undefined, ['10.0.0.2:80'], { notReady: ['[fd00::2]:80'] });
    const reversed = { ...mixed.value, backends: mixed.value.backends.toReversed() };
    const things = [{ ...mixed, value: reversed }];
    expect(ask(things, WEB, DB, dial)).toBe('allow');
    expect(ask([mixed, egress('knp/shop/p', 'all()')], DB, DB, dial)).toBe('allow');
  });

  it('lets a pod reach itself through its Service unless its egress is denied (S21)', () => {
    const self = service('shop/web', '10.96.0.1', ['10.0.0.2:8080']);
    expect(ask([self, denyAll], DB, DB, dial)).toBe('allow');
    expect(ask([self, egress('knp/shop/p', 'all()')], DB, DB, dial)).toBe('deny');
  });

  it('matches a Service in a rule by its backends: with ports as destination, without as source', () => {
    const out = egress('np/shop/p', 'all()', { destination: { service: 'shop/web' } });
    expect(ask([web, out], WEB, FAR, { port: 8080 })).toBe('allow');
    expect(ask([web, out], WEB, FAR, { port: 80 })).toBe('deny');
    const into = ingress('np/shop/p', "app == 'db'", { source: { service: 'shop/web' } });
    expect(ask([web, into], FAR, DB, { port: 1 })).toBe('allow');
    expect(ask([web, into], WEB, DB, { port: 1 })).toBe('deny');
    expect(ask([into], FAR, DB)).toBe('deny');
  });
});

describe('change', () => {
  const open = ingress('knp/shop/p', "app == 'db'", {
    source: peer("pcns.team == 'science' && app == 'web'"),
  });

  it('follows labels of pods and namespaces on both sides (S27, S28)', () => {
    const base = cluster(...world, open);
    const answer = (...changes: readonly FactChange[]) => {
      const found = verdict(changed(base, ...changes), flow(FAR, DB));
      return found.ok && found.value.answer;
    };
    expect(answer()).toBe('allow');
    expect(answer(pod('lab/web', { ips: ['10.0.0.3'], node: 'n2' }))).toBe('deny');
    expect(answer(namespace('lab'))).toBe('deny');
    expect(answer({ type: 'namespace', key: 'lab', value: undefined })).toBe('deny');
    expect(answer(pod('shop/db', { ips: ['10.0.0.2'] }), namespace('lab'))).toBe('allow');
  });

  it('gives an address that moved to another pod nothing of the old one (S29, S30)', () => {
    const gone: FactChange = { type: 'endpoint', key: FAR, value: undefined };
    const things = [open, gone, pod('lab/new', { ips: ['10.0.0.3'], node: 'n2' })];
    expect(ask(things, 'pod/lab/new', DB)).toBe('deny');
    const { sets } = nodeState(cluster(...world, ...things), 'n1');
    expect([...sets.values()].map(set => set.members.size)).toEqual([0]);
  });

  it('enforces both families of a pod (S32)', () => {
    const v6 = [ingress('knp/shop/p', 'all()', { source: block('fd00::/64') })];
    expect(ask(v6, WEB, DB, { family: 6 })).toBe('allow');
    expect(ask(v6, WEB, DB, { family: 4 })).toBe('deny');
    expect(ask(v6, WEB, DB)).toBe('deny');
  });

  it('puts both families of a pod into one set', () => {
    const { sets } = nodeState(
      cluster(...world, ingress('knp/shop/p', 'all()', { source: peer("app == 'db'") })),
      'n1',
    );
    expect([...sets.values()][0]?.members).toEqual(new Set(['10.0.0.2/32', 'fd00::2/128']));
  });
});

describe('what has no answer', () => {
  it('says which name is unknown', () => {
    expect(ask([], 'pod/shop/ghost', DB)).toBe('UnknownEndpoint');
    expect(ask([], DB, DB, { to: { service: 'shop/ghost' } })).toBe('UnknownService');
  });

  it('says that a pod is pending or has no address yet (S32)', () => {
    expect(ask([pod('shop/new', { node: undefined, ips: ['10.0.0.7'] })], WEB, 'pod/shop/new')).toBe(
      'EndpointHasNoAddress',
    );
    expect(ask([pod('shop/new')], 'pod/shop/new', DB)).toBe('EndpointHasNoAddress');
    expect(nodeState(cluster(...world, pod('shop/new')), 'n1').endpoints.has('pod/shop/new')).toBe(false);
  });

  it('says that the ends share no family', () => {
    expect(ask([], FAR, 'fd00::2')).toBe('NoCommonFamily');
    expect(ask([], WEB, FAR, { family: 6 })).toBe('NoCommonFamily');
  });

  it('says that a Service does not serve the port', () => {
    const web = service('shop/web', '10.96.0.1', ['10.0.0.2:8080']);
    expect(ask([web], WEB, DB, { to: { service: 'shop/web' }, port: 81 })).toBe('ServiceHasNoSuchPort');
  });
});

describe('service accounts and network sets', () => {
  it('matches pods by the name and labels of their service account', () => {
    const things = [
      serviceAccount('lab/robot', { role: 'bot' }),
      pod('lab/web', { ips: ['10.0.0.3'], node: 'n2', serviceAccount: 'robot' }),
    ];
    const byLabel = ingress('np/shop/p', 'all()', { source: peer("pcsa.role == 'bot'") });
    const byName = ingress('np/shop/p', 'all()', {
      source: peer("projectcalico.org/serviceaccount == 'robot'"),
    });
    for (const rule of [byLabel, byName]) {
      expect(ask([...things, rule], FAR, DB)).toBe('allow');
      expect(ask([...things, rule], WEB, DB)).toBe('deny');
    }
  });

  it('matches the addresses of network sets by selector, but none by a negated one', () => {
    const partners = networkSet('partners', { role: 'partner' }, '203.0.113.0/24', '2001:db8::/32');
    const open = ingress('gnp/p', 'all()', { source: peer("role == 'partner'") });
    expect(ask([partners, open], '203.0.113.9', DB)).toBe('allow');
    expect(ask([partners, open], '2001:db8::9', DB)).toBe('allow');
    expect(ask([partners, open], '198.51.100.1', DB)).toBe('deny');
    const not = ingress('gnp/p', 'all()', { source: { notSelector: { op: 'has', key: 'role' } } });
    expect(ask([partners, not], '203.0.113.9', DB)).toBe('deny');
    expect(ask([partners, not], '198.51.100.1', DB)).toBe('allow');
  });
});
