import { formatIp, formatPrefix, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentCore, AgentInput } from '../src/core/agent-core.ts';
import { render } from '../src/kernel/back-end.ts';
import {
  coreOf,
  gone,
  here,
  local,
  NAMESPACE,
  object,
  podObject,
  policyObject,
  poolObject,
} from './cluster-facts.ts';

const plainMap = (_: string, value: unknown) => (value instanceof Map ? [...value] : value);
const textOf = (core: AgentCore) => JSON.stringify(render(core.desired(), 'iptables-nft').tables, plainMap);
const routesOf = (core: AgentCore) =>
  core.desired().routes.map(r => `${r.kind} ${formatPrefix(r.destination)} ${r.interfaceName ?? ''}`.trim());
const ipsOf = (core: AgentCore, name: string) =>
  core.desired().state.endpoints.get(`pod/shop/${name}`)?.ips.map(formatIp);

/** All that the kernel would hold, without the counters. */
function heldBy(core: AgentCore): string {
  const desired = core.desired();
  const { state, routes } = desired;
  const { tables, sets } = render(desired, 'iptables-nft');
  const sorted = <V>(map: ReadonlyMap<string, V>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const plain = (_: string, value: unknown) =>
    value instanceof Set ? [...value].sort() : value instanceof Map ? sorted(value as never) : value;
  const parts = [sorted(state.endpoints), sorted(state.policies), sorted(state.sets), sorted(sets)];
  const rules = tables.map(table => JSON.stringify(table, plain)).sort();
  return JSON.stringify([parts, rules, routes.map(route => JSON.stringify(route)).sort()], plain);
}

const FACTS: readonly AgentInput[] = [
  object(NAMESPACE),
  object(podObject('web', 'u1', ['10.0.0.1'])),
  object(podObject('db', 'u2')),
  object(policyObject('guard', 'db', 'web')),
  object(poolObject('pool', '10.0.0.0/16')),
  here(local('web', 'u1', ['10.0.0.1'])),
  here(local('db', 'u2', ['10.0.0.2'])),
  { type: 'blocks', blocks: [{ name: 'b', cidr: mustPrefix('10.0.0.0/26') }] },
];

describe('facts', () => {
  test('in any order, and told twice, give the same', () => {
    const expected = heldBy(coreOf(FACTS));
    expect(expected).toContain('10.0.0.2');
    fc.assert(
      fc.property(fc.shuffledSubarray([...FACTS, ...FACTS], { minLength: FACTS.length * 2 }), facts => {
        expect(heldBy(coreOf(facts))).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('that are taken back leave nothing, whether or not the kernel was asked in between', () => {
    const core = coreOf(FACTS);
    core.desired();
    core.tell(gone(policyObject('guard', 'db', 'web')));
    core.tell({ type: 'not-local', key: 'pod/shop/db', containerId: 'c-u2', hostInterface: 'msl-db' });
    core.tell(gone(podObject('db', 'u2')));
    const never = FACTS.filter((_, i) => i !== 2 && i !== 3 && i !== 6);
    expect(heldBy(core)).toBe(heldBy(coreOf(never)));
  });

  test('that change nothing keep the version of the state; others raise it', () => {
    const core = coreOf(FACTS);
    const { stateVersion } = core.desired();
    for (const fact of FACTS) core.tell(fact);
    expect(core.desired().stateVersion).toBe(stateVersion);
    core.tell(gone(policyObject('guard', 'db', 'web')));
    expect(core.desired().stateVersion).toBeGreaterThan(stateVersion);
  });
});

describe('a pod of this node', () => {
  test('has the addresses that the plugin gave it, whatever the API server says', () => {
    const core = coreOf(FACTS);
    expect(ipsOf(core, 'db')).toEqual(['10.0.0.2']);
    for (const ips of [[], ['10.9.9.9'], ['10.0.0.2', '10.9.9.9']]) {
      core.tell(object(podObject('db', 'u2', ips)));
      expect(ipsOf(core, 'db')).toEqual(['10.0.0.2']);
    }
    expect(routesOf(core)).toContain('unicast 10.0.0.2/32 msl-db');
  });

  test('is no news when the API server tells of the addresses that the plugin gave it; whatever else changes is', () => {
    const core = coreOf(FACTS);
    const before = core.desired();
    core.tell(object(podObject('db', 'u2', ['10.0.0.2'])));
    expect(core.desired()).toBe(before);
    core.tell(object(podObject('db', 'u2', ['10.0.0.9'])));
    expect(core.desired()).toBe(before);
    core.tell(gone(podObject('db', 'u2')));
    expect(ipsOf(core, 'db')).toBeUndefined();
    core.tell(object(podObject('db', 'u2', ['10.0.0.2'])));
    expect(heldBy(core)).toBe(heldBy(coreOf(FACTS)));
  });

  test('is a new one when its UID is new: the old sandbox lends it nothing', () => {
    const core = coreOf(FACTS);
    core.tell(object(podObject('db', 'u3')));
    expect(ipsOf(core, 'db')).toBeUndefined();
    core.tell(here(local('db', 'u3', ['10.0.0.9'])));
    expect(ipsOf(core, 'db')).toEqual(['10.0.0.9']);
  });

  test('keeps its newer sandbox when the older one ends', () => {
    const core = coreOf(FACTS);
    core.tell(here(local('db', 'u2', ['10.0.0.9'], 'newer')));
    core.tell({ type: 'not-local', key: 'pod/shop/db', containerId: 'c-u2', hostInterface: 'msl-db' });
    expect(ipsOf(core, 'db')).toEqual(['10.0.0.9']);
    expect(core.locals.get('pod/shop/db')?.map(local => local.containerId)).toEqual(['newer']);
    core.tell({ type: 'not-local', key: 'pod/shop/db', containerId: 'newer', hostInterface: 'msl-db' });
    expect(core.locals.has('pod/shop/db')).toBe(false);
  });

  test('has no rules of its own without a Pod object, and none without an interface: closed both ways', () => {
    const onlyCable = coreOf([here(local('web', 'u1', ['10.0.0.1']))]);
    expect(textOf(onlyCable)).not.toContain('msl-web');
    expect(routesOf(onlyCable)).toEqual(['unicast 10.0.0.1/32 msl-web']);
    const onlyObject = coreOf([object(NAMESPACE), object(podObject('web', 'u1', ['10.0.0.1']))]);
    expect(onlyObject.desired().state.endpoints.size).toBe(1);
    expect(textOf(onlyObject)).not.toContain('msl-web');
    expect(textOf(onlyObject)).toContain('unknown interface');
    const both = coreOf([
      object(NAMESPACE),
      object(podObject('web', 'u1')),
      here(local('web', 'u1', ['10.0.0.1'])),
    ]);
    expect(textOf(both)).toContain('msl-web');
  });

  test('that has ended has no rules any more, though its object stays', () => {
    const core = coreOf(FACTS);
    core.tell(object({ ...podObject('db', 'u2'), status: { phase: 'Succeeded' } }));
    expect(core.desired().state.endpoints.has('pod/shop/db')).toBe(false);
    expect(textOf(core)).not.toContain('msl-db');
  });
});

describe('node configuration', () => {
  test('follows the pools', () => {
    const core = coreOf(FACTS.filter((_, i) => i !== 4));
    const without = textOf(core);
    expect(without).not.toContain('MASQUERADE');
    core.tell(object(poolObject('pool', '10.0.0.0/16')));
    expect(textOf(core)).toContain('MASQUERADE');
    core.tell(object(poolObject('pool', '10.0.0.0/16', false)));
    expect(textOf(core)).not.toContain('MASQUERADE');
    core.tell(gone(poolObject('pool', '10.0.0.0/16')));
    expect(textOf(core)).toBe(without);
  });

  test('knows where the addresses are that host endpoints expect', () => {
    const hep = (node: string, spec: object) => ({
      apiVersion: 'projectcalico.org/v3',
      kind: 'HostEndpoint',
      metadata: { name: 'hep' },
      spec: { node, ...spec },
    });
    const core = coreOf([{ type: 'links', links: [{ name: 'bond0', ips: [mustIp('192.0.2.1')] }] }]);
    const without = textOf(core);
    core.tell(object(hep('n2', { interfaceName: '*' })));
    expect(textOf(core)).toBe(without);
    core.tell(object(hep('n1', { expectedIPs: ['192.0.2.1'] })));
    expect(core.needsLinks).toBe(true);
    expect(textOf(core)).toContain('-i bond0 -g msl-hli-');
    core.tell({ type: 'links', links: [{ name: 'bond1', ips: [mustIp('192.0.2.1')] }] });
    expect(textOf(core)).toContain('-i bond1 -g msl-hli-');
    expect(textOf(core)).not.toContain('bond0');
    core.tell(gone(hep('n1', { expectedIPs: ['192.0.2.1'] })));
    expect(core.needsLinks).toBe(false);
    expect(textOf(core)).toBe(without);
  });

  test('has tables for the node’s families only, and no blackholes of others', () => {
    const blocks = ['10.0.0.0/26', 'fd00::/122'].map(text => ({ name: text, cidr: mustPrefix(text) }));
    const four = coreOf([{ type: 'blocks', blocks }]);
    expect(new Set(four.desired().rulesets.map(rules => rules.family))).toEqual(new Set([4]));
    expect(routesOf(four)).toEqual(['blackhole 10.0.0.0/26']);
    const both = coreOf([{ type: 'blocks', blocks }], [4, 6]);
    expect(new Set(both.desired().rulesets.map(rules => rules.family))).toEqual(new Set([4, 6]));
    expect(routesOf(both)).toEqual(['blackhole 10.0.0.0/26', 'blackhole fd00::/122']);
  });

  test('a block of one address gives way to its pod', () => {
    const blocks = [{ name: 'one', cidr: mustPrefix('10.0.0.1/32') }];
    const core = coreOf([{ type: 'blocks', blocks }]);
    expect(routesOf(core)).toEqual(['blackhole 10.0.0.1/32']);
    core.tell(here(local('web', 'u1', ['10.0.0.1'])));
    expect(routesOf(core)).toEqual(['unicast 10.0.0.1/32 msl-web']);
  });
});
