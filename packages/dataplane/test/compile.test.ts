import type { ActivePolicy, EndpointPlan, NodeState, TierPlan } from '@muslin/api';
import { formatIp, type Ip, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  COMPILED_TABLES,
  compile,
  evaluate,
  IPTABLES_LIMITS,
  type Limits,
  lookupOf,
  lower,
  NFT_LIMITS,
  type NodeConfig,
  type Packet,
  workloadInterfaceName,
} from '../src/index.ts';
import { depthOf } from './depth.ts';
import { meaning } from '../src/prove/meaning.ts';
import { ADDRESSES, configOf, EAGER, family, nodeState, packetIn } from './world.ts';

const HOOKS = ['FORWARD', 'INPUT', 'OUTPUT'] as const;

describe('compile', () => {
  it('means what the node state means, as written and after lowering for either back end', () => {
    const sample = fc
      .tuple(
        nodeState,
        family,
        fc.constantFrom('Accept', 'Drop', 'Return'),
        fc.constantFrom(undefined, EAGER, EAGER, { ...EAGER, fromRules: 2, members: 1e6 }),
      )
      .chain(([state, f, action, lookups]) =>
        fc.tuple(
          fc.constant(state),
          fc.constant({ ...configOf(f, action), setLookups: lookups }),
          fc.array(
            fc.constantFrom(...HOOKS).chain(hook => packetIn(hook, f).map(packet => ({ hook, packet }))),
            { minLength: 20, maxLength: 20 },
          ),
        ),
      );
    const seen = { accept: 0, drop: 0, return: 0, masquerade: 0, snat: 0, dnat: 0 };
    fc.assert(
      fc.property(sample, ([state, config, packets]) => {
        const rules = compile(state, config);
        const ways = [rules, lower(rules, IPTABLES_LIMITS), lower(rules, NFT_LIMITS)];
        for (const { hook, packet } of packets) {
          const expected = meaning(state, config, packet, hook);
          seen[expected]++;
          for (const way of ways) {
            const got = evaluate(way, lookupOf(way.sets, state.sets), packet, hook);
            expect(
              got.verdict,
              JSON.stringify({ packet, hook, trace: got.trace }, (_, v) => (v instanceof Map ? [...v] : v)),
            ).toBe(expected);
          }
        }
      }),
      { numRuns: 600 },
    );
    expect(Math.min(seen.accept, seen.drop, seen.return)).toBeGreaterThan(500);
  });
});

const policy = (key: string, parts: Partial<ActivePolicy> = {}): ActivePolicy => ({
  key,
  source: { kind: 'NetworkPolicy', name: key },
  ingress: [{ action: 'Allow', source: {}, destination: {}, path: 'spec.ingress[0]' }],
  egress: [],
  staged: false,
  ...parts,
});
const tier = (...policies: readonly string[]): TierPlan => ({
  tier: 'default',
  policies,
  defaultAction: 'Deny',
});
const state = (policies: readonly ActivePolicy[], lists: readonly (readonly TierPlan[])[]): NodeState => ({
  sets: new Map(),
  policies: new Map(policies.map(p => [p.key, p])),
  endpoints: new Map(
    lists.map((ingress, i) => [
      ['pod/a/one', 'pod/a/two'][i] as string,
      {
        key: ['pod/a/one', 'pod/a/two'][i] as string,
        namespace: 'a',
        name: 'x',
        ips: [ADDRESSES[4][i] as Ip],
        tiers: { ingress, egress: [] },
      },
    ]),
  ),
});
/** Every policy as a chain of its own. */
const plain = (): NodeConfig => ({ ...configOf(4), setLookups: undefined });
const chainsOf = (s: NodeState, config = plain()) =>
  compile(s, config).tables.get('filter')?.chains ?? new Map();

describe('the shape of compiled rules', () => {
  it('has every table, so that what is stale in one is found', () => {
    expect([...compile(state([], []), configOf(4)).tables.keys()]).toEqual(COMPILED_TABLES);
  });
  it('shares one chain per policy and per list of policies between endpoints', () => {
    const chains = chainsOf(state([policy('knp/a/p')], [[tier('knp/a/p')], [tier('knp/a/p')]]));
    expect([...chains.keys()].filter(name => name.startsWith('msl-pi-'))).toEqual(['msl-pi-knp/a/p']);
    expect([...chains.keys()].filter(name => name.startsWith('msl-ti-'))).toHaveLength(1);
  });
  it('writes no chain that nothing leads to: unused policies, directions without rules', () => {
    const chains = chainsOf(state([policy('knp/a/p'), policy('knp/a/unused')], [[tier('knp/a/p')]]));
    expect([...chains.keys()].filter(name => /unused|-pe-|allow|pass/.test(name))).toEqual([]);
  });
  it('gives names of at most 28 characters that only the subject decides', () => {
    const long = `np/${'n'.repeat(60)}/${'p'.repeat(200)}`;
    const names = () => [...chainsOf(state([policy(long)], [[tier(long)]])).keys()];
    for (const name of names()) expect(name).toMatch(/^msl-[A-Za-z0-9._/-]{1,24}$/);
    expect(names()).toEqual(names());
  });
  it('keeps the chains of what did not change, so that only a changed policy is rendered again', () => {
    const config = plain();
    const before = state([policy('knp/a/p'), policy('knp/a/q')], [[tier('knp/a/p')], [tier('knp/a/q')]]);
    const changed = policy('knp/a/q', {
      ingress: [{ action: 'Deny', source: {}, destination: {}, path: 'x' }],
    });
    const after: NodeState = { ...before, policies: new Map(before.policies).set('knp/a/q', changed) };
    const [first, second] = [chainsOf(before, config), chainsOf(after, config)];
    const different = [...second].filter(
      ([name, chain]) => JSON.stringify(first.get(name)?.rules) !== JSON.stringify(chain.rules),
    );
    expect(different.map(([name]) => name)).toEqual(['msl-pi-knp/a/q']);
    for (const name of ['msl-pi-knp/a/p', 'msl-to', 'msl-from', 'msl-pod', 'msl-to-msl00000000001'])
      expect(second.get(name), name).toBe(first.get(name));
  });
  it('denies at the end of a tier whose policies are named but missing, and not when all are staged', () => {
    const packet: Packet = {
      family: 4,
      in: 'eth0',
      out: 'msl00000000001',
      src: mustIp('192.0.2.9'),
      dst: mustIp('10.0.0.1'),
      protocol: 6,
      sport: 1,
      dport: 2,
      ctState: 'NEW',
      mark: 0,
    };
    const verdict = (s: NodeState) =>
      evaluate(compile(s, configOf(4)), lookupOf(), packet, 'FORWARD').verdict;
    expect(verdict(state([], [[tier('knp/a/gone')]]))).toBe('drop');
    expect(verdict(state([policy('snp/a/p', { staged: true, ingress: [] })], [[tier('snp/a/p')]]))).toBe(
      'accept',
    );
    expect(verdict(state([], [[]]))).toBe('accept');
  });
  it('lets a pod of another family neither send nor be reached unasked', () => {
    const chains = lower(compile(state([], [[]]), configOf(6)), IPTABLES_LIMITS).tables.get('filter')?.chains;
    expect(chains?.get('msl-from-msl00000000001')?.rules).toMatchObject([
      { matches: [], action: { kind: 'drop' } },
    ]);
  });
  it('nests no deeper than nftables allows, and compares few interfaces, on a full node (NFT_JUMP_STACK_SIZE 16)', () => {
    const plans = Array.from({ length: 400 }, (_, i) => `pod/ns/pod-${i}`);
    const one = state(
      [policy('knp/a/p', { egress: [{ action: 'Allow', source: {}, destination: {}, path: 'x' }] })],
      [[]],
    );
    const template = one.endpoints.get('pod/a/one') as EndpointPlan;
    const tiers = { ingress: [tier('knp/a/p')], egress: [tier('knp/a/p')] };
    const full: NodeState = {
      ...one,
      endpoints: new Map(plans.map(key => [key, { ...template, key, tiers }])),
    };
    const config: NodeConfig = { ...configOf(4), interfacesOf: key => [workloadInterfaceName('ns', key)] };
    const filter = lower(compile(full, config), IPTABLES_LIMITS).tables.get('filter');
    expect(depthOf(compile(full, config), IPTABLES_LIMITS)).toBeLessThanOrEqual(12);
    const byInterface = [...(filter?.chains.values() ?? [])].map(
      chain => chain.rules.filter(rule => rule.matches[0]?.kind === 'in-interface').length,
    );
    expect(Math.max(...byInterface)).toBeLessThanOrEqual(16);
  });
  it.each(['Drop', 'Reject'] as const)('sends what no Service serves no further: %s', action => {
    const serviceLoop = { action, cidrs: [mustPrefix('10.96.0.0/12'), mustPrefix('fd09::/112')] };
    for (const f of [4, 6] as const) {
      const rules = compile(state([], []), { ...configOf(f), serviceLoop });
      const found = [...rules.tables.values()]
        .flatMap(table => [...table.chains.values()])
        .flatMap(chain => chain.rules)
        .filter(rule => rule.comment === 'Service that nothing serves');
      const wanted = action === 'Drop' ? { kind: 'drop' } : { kind: 'reject', family: f };
      expect(found.map(rule => rule.action)).toEqual([wanted]);
    }
  });

  it('masquerades only from natOutgoing pools to outside all pools', () => {
    const config: NodeConfig = {
      ...configOf(4),
      pools: [
        { cidr: mustPrefix('10.0.0.0/16'), natOutgoing: true },
        { cidr: mustPrefix('10.9.0.0/16'), natOutgoing: false },
        { cidr: mustPrefix('fd00::/48'), natOutgoing: true },
      ],
    };
    const rules = compile(state([], []), config);
    const verdict = (src: string, dst: string) =>
      evaluate(
        rules,
        lookupOf(rules.sets),
        {
          family: 4,
          out: 'eth0',
          src: mustIp(src),
          dst: mustIp(dst),
          protocol: 17,
          sport: 1,
          dport: 53,
          ctState: 'NEW',
          mark: 0,
        },
        'POSTROUTING',
        'nat',
      ).verdict;
    expect(verdict('10.0.0.1', '192.0.2.1')).toBe('masquerade');
    expect(verdict('10.0.0.1', '10.9.0.1')).toBe('return');
    expect(verdict('10.9.0.1', '192.0.2.1')).toBe('return');
    expect(
      compile(state([], []), {
        ...config,
        hostPorts: () => [],
        floatingIps: () => [],
        pools: config.pools.slice(1),
      }).tables.get('nat')?.hooks.size,
    ).toBe(0);
  });
  it('leads ports of the node to pods, by TCP and UDP, at one address or any', () => {
    const fate = (protocol: number, dst: string, dport: number, dstLocal = true) =>
      (['PREROUTING', 'OUTPUT'] as const).map(
        hook =>
          evaluate(
            compile(state([], []), configOf(4)),
            lookupOf(new Map(), new Map()),
            {
              ...{
                family: 4,
                in: 'eth0',
                src: mustIp('203.0.113.1'),
                dst: mustIp(dst),
                protocol,
                sport: 4000,
              },
              ...{ dport, dstLocal, ctState: 'NEW', mark: 0 },
            },
            hook,
            'nat',
          ).verdict,
      );
    expect(fate(6, '192.0.2.9', 8080)).toEqual(['dnat', 'dnat']);
    expect(fate(17, '192.0.2.9', 8080)).toEqual(['return', 'return']);
    expect(fate(6, '192.0.2.9', 8080, false)).toEqual(['return', 'return']);
    expect(fate(17, '192.0.2.1', 53)).toEqual(['dnat', 'dnat']);
    expect(fate(17, '192.0.2.9', 53)).toEqual(['return', 'return']);
  });
  it('leads a floating address to its pod by any port, and shows the pod to itself by that address', () => {
    const rules = compile(state([], []), configOf(4));
    const fate = (hook: 'PREROUTING' | 'OUTPUT' | 'POSTROUTING', parts: Partial<Packet>) => {
      const packet: Packet = {
        ...{
          family: 4,
          src: mustIp('203.0.113.1'),
          dst: mustIp('10.9.0.1'),
          protocol: 1,
          ctState: 'NEW',
          mark: 0,
        },
        ...parts,
      };
      const { verdict, trace } = evaluate(rules, lookupOf(rules.sets), packet, hook, 'nat');
      const last = trace.at(-1)?.rule.action;
      return last?.kind === 'dnat' || last?.kind === 'snat' ? `${verdict} ${formatIp(last.ip)}` : verdict;
    };
    expect([fate('PREROUTING', { in: 'eth0' }), fate('OUTPUT', { out: 'eth0' })]).toEqual([
      'dnat 10.0.0.1',
      'dnat 10.0.0.1',
    ]);
    expect(fate('PREROUTING', { in: 'eth0', dst: mustIp('10.9.0.2') })).toBe('return');
    const own = { src: mustIp('10.0.0.1'), dst: mustIp('10.0.0.1'), out: 'msl00000000001' };
    expect(fate('POSTROUTING', own)).toBe('snat 10.9.0.1');
    expect(fate('POSTROUTING', { ...own, src: mustIp('203.0.113.1') })).toBe('return');
  });
  it('drops forged sources of pods before connection tracking (RFC 3704 §2.2)', () => {
    const rules = compile(state([], []), configOf(4));
    const verdict = (parts: Partial<Packet>) =>
      evaluate(
        rules,
        lookupOf(),
        {
          family: 4,
          src: mustIp('10.0.0.1'),
          dst: mustIp('10.0.0.2'),
          protocol: 17,
          sport: 53,
          dport: 5353,
          ctState: 'ESTABLISHED',
          mark: 0,
          ...parts,
        },
        'PREROUTING',
        'raw',
      ).verdict;
    expect(verdict({ in: 'msl1', reversePath: false })).toBe('drop');
    expect(verdict({ in: 'msl1' })).toBe('return');
    expect(verdict({ in: 'eth0', reversePath: false })).toBe('return');
  });

  it('asks about the state of a connection before names of interfaces, where conditions are asked in their order', () => {
    const rules = compile(state([], [[]]), { ...configOf(4), serviceLoop: undefined });
    const forward = (limits: Limits) => {
      const chains = lower(rules, limits).tables.get('filter')?.chains;
      const kinds = chains?.get('msl-FORWARD')?.rules.map(rule => rule.matches.map(match => match.kind));
      return { kinds, podChain: chains?.has('msl-pod') };
    };
    const [into, out] = ['in-interface', 'out-interface'];
    const states = [
      ['conntrack', into],
      ['conntrack', out],
    ];
    expect(forward(NFT_LIMITS)).toEqual({
      kinds: [...states, ...states, [into], [out], [into], [out]],
      podChain: false,
    });
    expect(forward(IPTABLES_LIMITS)).toEqual({
      kinds: [[into, 'conntrack'], [into], [out, 'conntrack'], [out]],
      podChain: true,
    });
  });
  it("passes what comes from a pod's own address without asking the routes, where interfaces are looked up", () => {
    const base = state([], [[]]);
    const [plan] = base.endpoints.values();
    const own = plan?.ips.find(ip => ip.family === 4) as Ip;
    const [name = ''] = configOf(4).interfacesOf(plan?.key ?? '');
    const rules = compile(base, configOf(4));
    const fate = (way: typeof rules, src: Ip, reversePath: boolean) => {
      const packet: Packet = {
        ...{ family: 4, in: name, src, dst: mustIp('10.0.0.9'), protocol: 4 },
        ...{ ctState: 'NEW', mark: 0, reversePath },
      };
      const got = evaluate(way, lookupOf(), packet, 'PREROUTING', 'raw');
      return { verdict: got.verdict, asked: got.trace.length };
    };
    const stranger = mustIp('192.0.2.1');
    const nft = lower(rules, NFT_LIMITS);
    expect(fate(nft, own, true)).toEqual({ verdict: 'return', asked: 1 });
    expect(fate(nft, stranger, false).verdict).toBe('drop');
    expect(fate(nft, stranger, true).verdict).toBe('return');
    const iptables = lower(rules, IPTABLES_LIMITS);
    expect([...(iptables.tables.get('raw')?.chains.keys() ?? [])]).toEqual(['msl-PREROUTING']);
    for (const src of [own, stranger])
      for (const routed of [true, false])
        expect(fate(iptables, src, routed).verdict).toBe(routed ? 'return' : 'drop');
  });
});
