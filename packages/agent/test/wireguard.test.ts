import { TUNNEL_ANNOTATIONS } from '@muslin/api';
import {
  type ActualWireguard,
  type OverlayInput,
  planWireguard,
  routeText,
  TUNNEL_DEFAULTS,
  WIREGUARD_MARK,
  type WireguardOp,
  wireguardOf,
  type WireguardPlan,
} from '@muslin/dataplane';
import { fail, formatIp, mustIp, mustPrefix, ok } from '@muslin/net';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newPrivateKey, WireguardKeeper } from '../src/tunnel/wireguard-keeper.ts';
import { until } from './spaces.ts';

const key = (letter: string) => `${letter.repeat(42)}A=`;
const node = (n: number, wireguard4?: object) => [
  `n${n}`,
  { name: `n${n}`, ips: [mustIp(`192.0.2.${n}`)], tunnels: wireguard4 === undefined ? {} : { wireguard4 } },
];
const on = { ...TUNNEL_DEFAULTS.wireguard, enabled: { 4: true, 6: false }, keepAlive: 25 };
const input = (nodes: readonly unknown[], wireguard = on): OverlayInput =>
  ({
    ...{ node: 'n1', nodes: new Map(nodes as never), pools: [], onLink: [], underlayMtu: 1500 },
    prefixes: [
      { prefix: mustPrefix('10.0.1.0/26'), node: 'n1' },
      { prefix: mustPrefix('10.0.2.0/26'), node: 'n2' },
      { prefix: mustPrefix('10.0.3.0/26'), node: 'n3' },
    ],
    settings: { ...TUNNEL_DEFAULTS, wireguard },
  }) as never;
const both = input([
  node(1, { publicKey: key('a'), ip: mustIp('10.0.1.7') }),
  node(2, { publicKey: key('b'), ip: mustIp('10.0.2.7') }),
  node(3),
]);

/** A kernel that does what it is told, of one family; every device that it makes has another key. */
class FakeKernel {
  readonly family: 4 | 6;
  made = 0;
  constructor(family: 4 | 6 = 4) {
    this.family = family;
  }
  device: ActualWireguard['device'];
  rules: ActualWireguard['rules'] = [];
  routes: ActualWireguard['routes'] = [];
  readonly done: string[] = [];
  lacks: string | undefined;

  actual(): ActualWireguard {
    return { device: this.device, rules: this.rules, routes: this.routes };
  }

  read(family: number) {
    return Promise.resolve(
      ok(family === this.family ? this.actual() : { device: undefined, rules: [], routes: [] }),
    );
  }

  apply(ops: readonly WireguardOp[]) {
    if (this.lacks !== undefined && ops.length > 0) return Promise.resolve(fail({ message: this.lacks }));
    for (const op of ops) this.perform(op);
    return Promise.resolve(ok(undefined));
  }

  perform(op: WireguardOp): void {
    this.done.push(op.kind);
    const device = this.device ?? { mtu: 0, up: false, addresses: [], port: 0, mark: 0, peers: [] };
    if (op.kind === 'create') {
      this.made++;
      this.device = { ...device, mtu: op.mtu };
    } else if (op.kind === 'remove') {
      this.device = undefined;
      this.routes = [];
    } else if (op.kind === 'raise') this.device = { ...device, mtu: op.mtu, up: true };
    else if (op.kind === 'add-address') this.device = { ...device, addresses: [...device.addresses, op.ip] };
    else if (op.kind === 'remove-address')
      this.device = { ...device, addresses: device.addresses.filter(ip => formatIp(ip) !== formatIp(op.ip)) };
    else if (op.kind === 'add-rule') this.rules = [...this.rules, op.rule];
    else if (op.kind === 'remove-rule') this.rules = this.rules.filter(rule => rule !== op.rule);
    else if (op.kind === 'configure') {
      const { privateKey, peers = [], port = device.port, mark = device.mark } = op;
      const put = new Map(device.peers.map(peer => [peer.publicKey, peer]));
      for (const each of peers)
        if (each.kind === 'put') put.set(each.peer.publicKey, each.peer);
        else put.delete(each.publicKey);
      const publicKey = privateKey === undefined ? device.publicKey : key('pqrs'[this.made - 1] ?? 'p');
      this.device = {
        ...{ ...device, port, mark, peers: [...put.values()] },
        ...(publicKey === undefined ? {} : { publicKey }),
      };
    } else if (op.kind !== 'route') return;
    else if (op.action !== 'remove') this.routes = [...this.routes, op.route];
    else this.routes = this.routes.filter(route => routeText(route) !== routeText(op.route));
  }
}

const none: ActualWireguard = { device: undefined, rules: [], routes: [] };

describe('the plan for WireGuard', () => {
  const wanted = wireguardOf(both, 4) as WireguardPlan;

  test('makes the device, then peers and routes, and leads packets into it last', () => {
    const ops = planWireguard(wanted, none, 4, key('k'));
    expect(ops.map(op => op.kind)).toEqual([
      ...['create', 'configure', 'raise', 'add-address', 'route', 'route', 'add-rule'],
    ]);
    expect(ops[1]).toEqual({
      ...{ kind: 'configure', name: 'wg.muslin', privateKey: key('k'), port: 51_820, mark: WIREGUARD_MARK },
      peers: [
        {
          kind: 'put',
          peer: {
            ...{ publicKey: key('b'), endpoint: { ip: mustIp('192.0.2.2'), port: 51_820 }, keepAlive: 25 },
            allowedIps: [mustPrefix('10.0.2.0/26'), mustPrefix('10.0.2.7/32')],
          },
        },
      ],
    });
    expect(ops.flatMap(op => (op.kind === 'route' ? routeText(op.route) : []))).toEqual([
      'unicast 10.0.2.0/26 dev wg.muslin table 241 proto 109 scope link metric 0',
      'unicast 10.0.2.7/32 dev wg.muslin table 241 proto 109 scope link metric 0',
    ]);
    expect(ops.at(-1)).toEqual({
      kind: 'add-rule',
      rule: { family: 4, priority: 99, table: 241, mark: WIREGUARD_MARK, mask: WIREGUARD_MARK },
    });
  });

  test('asks for nothing twice, touches no session that stays, and takes all away, the rule first', () => {
    const kernel = new FakeKernel();
    for (const op of planWireguard(wanted, none, 4, key('k'))) kernel.perform(op);
    expect(planWireguard(wanted, kernel.actual(), 4, key('x'))).toEqual([]);
    const alone = wireguardOf(input([node(1, { publicKey: key('a') })]), 4) as WireguardPlan;
    expect(planWireguard(alone, kernel.actual(), 4, key('x'))).toMatchObject([
      { kind: 'configure', peers: [{ kind: 'remove', publicKey: key('b') }] },
      { kind: 'remove-address' },
      ...[
        { kind: 'route', action: 'remove' },
        { kind: 'route', action: 'remove' },
      ],
    ]);
    expect(planWireguard(undefined, kernel.actual(), 4, key('x')).map(op => op.kind)).toEqual([
      'remove-rule',
      'remove',
    ]);
    const moved = { ...wanted, rule: { ...wanted.rule, priority: 50 } };
    expect(planWireguard(moved, kernel.actual(), 4, key('x')).map(op => op.kind)).toEqual([
      'remove-rule',
      'add-rule',
    ]);
  });
});

describe('a node that keeps WireGuard', () => {
  function make(kernel: FakeKernel, annotation: string = TUNNEL_ANNOTATIONS.wireguardKey4) {
    const told: (string | null | undefined)[] = [];
    const log: string[] = [];
    const keeper = new WireguardKeeper({
      client: {
        patch: (_: unknown, __: unknown, { body }: { body: unknown }) => {
          const { annotations } = (body as { metadata: { annotations: Record<string, string | null> } })
            .metadata;
          told.push(annotations[annotation]);
          return Promise.resolve(ok({}));
        },
      } as never,
      ...{ node: 'n1', kernel: kernel as never, newKey: () => key('k') },
      log: { info: () => {}, error: (more: { fault: string }) => void log.push(more.fault) } as never,
    });
    return { keeper, told, log };
  }

  test('tells the key that its device has, and not again while others know it', async () => {
    const kernel = new FakeKernel();
    const { keeper, told } = make(kernel);
    keeper.look(input([node(1), node(2, { publicKey: key('b') })]));
    await until(
      () => told,
      all => all.length === 1,
      'the key is told',
    );
    expect(told).toEqual([key('p')]);
    expect(keeper.status).toMatchObject({ peers: { 4: 1 }, faults: [] });
    keeper.look(input([node(1, { publicKey: key('p') }), node(2)]));
    await until(
      () => kernel.device?.peers.length,
      count => count === 0,
      'the peer without a key is gone',
    );
    expect(told).toHaveLength(1);
  });

  test('takes everything back when it is disabled, and the key once the address is gone', async () => {
    const kernel = new FakeKernel();
    const { keeper, told } = make(kernel);
    keeper.look(both);
    await until(
      () => kernel.rules.length,
      count => count === 1,
      'the rule stands',
    );
    const off = { ...on, enabled: { 4: false, 6: false } };
    const mine = { publicKey: key('p'), ip: mustIp('10.0.1.7') };
    keeper.look(input([node(1, mine)], off));
    await until(
      () => kernel.device,
      device => device === undefined,
      'the device is gone',
    );
    expect(kernel.rules).toEqual([]);
    const before = told.length;
    const { keeper: later, told: toldLater } = make(kernel);
    later.look(input([node(1, { publicKey: key('p') })], off));
    await until(
      () => toldLater,
      all => all.length === 1,
      'the key is taken back',
    );
    expect(toldLater).toEqual([null]);
    expect(told).toHaveLength(before);
    await until(
      () => later.status,
      status => status === undefined,
      'nobody asks for it',
    );
  });

  test('has a new key when somebody took the device away, and tells that', async () => {
    const kernel = new FakeKernel();
    const { keeper, told } = make(kernel);
    keeper.look(both);
    await until(
      () => told,
      all => all.length === 1,
      'the first key is told',
    );
    kernel.device = undefined;
    kernel.routes = [];
    const known = { publicKey: key('p'), ip: mustIp('10.0.1.7') };
    keeper.look(input([node(1, known), node(2, { publicKey: key('b'), ip: mustIp('10.0.2.7') }), node(3)]));
    await until(
      () => told,
      all => all.length === 2,
      'the second key is told',
    );
    expect(told).toEqual([key('p'), key('q')]);
    expect(kernel.device).toMatchObject({ up: true, peers: [{ publicKey: key('b') }] });
    expect(kernel.routes).toHaveLength(2);
    expect(kernel.rules).toHaveLength(1);
  });

  test('keeps IPv6 with a device and a key of its own', async () => {
    const kernel = new FakeKernel(6);
    const { keeper, told } = make(kernel, TUNNEL_ANNOTATIONS.wireguardKey6);
    const six = (n: number, publicKey: string) => [
      `n${n}`,
      {
        ...{ name: `n${n}`, ips: [mustIp(`192.0.2.${n}`), mustIp(`2001:db8::${n}`)] },
        tunnels: n === 1 ? {} : { wireguard6: { publicKey, ip: mustIp(`fd00:${n}::7`) } },
      },
    ];
    const only6 = { ...on, enabled: { 4: false, 6: true } };
    keeper.look(input([six(1, key('a')), six(2, key('b'))], only6));
    await until(
      () => told,
      all => all.length === 1,
      'the key is told',
    );
    expect(told).toEqual([key('p')]);
    const endpoint = { ip: mustIp('2001:db8::2'), port: 51_821 };
    expect(kernel.device).toMatchObject({ port: 51_821, peers: [{ publicKey: key('b'), endpoint }] });
    expect(kernel.rules).toMatchObject([{ family: 6, table: 242 }]);
    expect(keeper.status).toMatchObject({ peers: { 6: 1 }, faults: [] });
  });

  test('sends to one of two nodes that tell the same key, always the same one, and says so', async () => {
    const kernel = new FakeKernel();
    const { keeper } = make(kernel);
    const same = { publicKey: key('b'), ip: mustIp('10.0.2.7') };
    const three = input([node(1, { publicKey: key('p') }), node(3, same), node(2, same)]);
    keeper.look(three);
    await until(
      () => kernel.rules.length,
      count => count === 1,
      'the rule stands',
    );
    expect(kernel.device?.peers.map(peer => formatIp(peer.endpoint.ip))).toEqual(['192.0.2.2']);
    const steps = kernel.done.length;
    expect(planWireguard(wireguardOf(three, 4), kernel.actual(), 4, key('x'))).toEqual([]);
    expect(kernel.done).toHaveLength(steps);
    await until(
      () => keeper.status,
      status => JSON.stringify(status).includes('node n3 tells the WireGuard key of node n2'),
      'it is said',
    );
  });

  test('says in plain words that the kernel has none, and tells no key', async () => {
    const kernel = new FakeKernel();
    kernel.lacks =
      "this kernel has no WireGuard: load the module 'wireguard' (Linux 5.6), or disable WireGuard";
    const { keeper, told, log } = make(kernel);
    keeper.look(both);
    keeper.look(both);
    await until(
      () => log,
      all => all.length > 0,
      'it is said',
    );
    expect(log).toEqual([`WireGuard over IPv4: ${kernel.lacks}`]);
    expect(keeper.status).toMatchObject({ faults: log });
    expect(told).toEqual([]);
  });
});

test('a private key is one of Curve25519: its public key can be computed', () => {
  const d = Buffer.from(newPrivateKey(), 'base64');
  expect(d).toHaveLength(32);
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), d]);
  const secret = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  expect(createPublicKey(secret).asymmetricKeyType).toBe('x25519');
});
