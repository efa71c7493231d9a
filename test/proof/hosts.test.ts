import type { FactChange, Snapshot } from '@muslin/api';
import {
  compile,
  type Course,
  IPTABLES_LIMITS,
  journey,
  lookupOf,
  lower,
  NFT_LIMITS,
  NODE_CONFIG_DEFAULTS,
  type Packet,
} from '@muslin/dataplane';
import { formatIp, type Ip, mustIp } from '@muslin/net';
import { Judge, nodeState } from '@muslin/policy';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cluster, node, policy } from '../../packages/policy/test/cluster.ts';
import { hostWorlds } from '../../packages/policy/test/worlds.ts';

const NODE = mustIp('192.168.0.1');
const OUTSIDE = mustIp('203.0.113.9');
const SOURCE_PORT = 40_000;
const TCP = 6;

interface End {
  readonly ip: Ip;
  /** Interface of node n1 behind which it is; none for the node itself. */
  readonly link: string | undefined;
}

const ends = fc.constantFrom<'node' | 'outside' | 'pod'>('node', 'outside', 'pod');
const questions = fc.array(
  fc.record({
    from: ends,
    to: ends,
    protocol: fc.constantFrom(6, 6, 17, 132, 1, 1, 47, 4),
    icmp: fc.record({ type: fc.constantFrom(8, 8, 13), code: fc.constantFrom(0, 4) }),
    port: fc.constantFrom(53, 80, 81, 22, 4789),
    dice: fc.nat(100),
  }),
  { minLength: 15, maxLength: 15 },
);

const same = (a: Ip, b: Ip) => formatIp(a) === formatIp(b);

/** Policies that many packets meet. */
const broad = fc.array(
  fc
    .record({
      name: fc.constantFrom('one', 'two', 'three'),
      hosts: fc.constantFrom('forwarded', 'pre-dnat', 'untracked', 'untracked', 'untracked', undefined),
      order: fc.constantFrom(1, 2, 3),
      rules: fc.array(
        fc
          .record(
            {
              action: fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny', 'Pass'),
              protocol: fc.constantFrom(6, 6, 17, 132, 47),
              icmp: fc.constantFrom({ type: 8 }, { type: 8, code: 0 }, { type: 0 }, { type: 13 }),
              notIcmp: fc.constantFrom({ type: 13 }, { type: 8, code: 4 }),
            },
            { requiredKeys: ['action'] },
          )
          .map(rule => ('icmp' in rule || 'notIcmp' in rule ? { ...rule, protocol: 1 } : rule)),
        { minLength: 1, maxLength: 2 },
      ),
      ways: fc.constantFrom<readonly ('ingress' | 'egress')[]>(
        ['ingress'],
        ['ingress', 'egress'],
        ['ingress', 'egress'],
      ),
    })
    .map(({ name, hosts, order, rules, ways }) =>
      policy(`gnp/broad-${name}`, {
        order,
        ...(hosts !== undefined && { hosts }),
        ...(ways.includes('ingress') && { ingress: rules }),
        ...(ways.includes('egress') && hosts !== 'pre-dnat' && { egress: rules }),
      }),
    ),
  { minLength: 1, maxLength: 4 },
);

/** Leaves out what a snapshot can't tell: a node's links, so it must be plain which host endpoint stands where. */
function plain(facts: readonly FactChange[]): readonly FactChange[] {
  let atLink: string | undefined;
  return facts.filter(({ type, key, value }) => {
    if (type === 'service' || type === 'node') return false;
    if (value === undefined) return true;
    if (type === 'endpoint') return !value.ips.some(ip => same(ip, NODE) || same(ip, OUTSIDE));
    if (type !== 'hostEndpoint' || value.node !== 'n1' || value.interfaceName === '*') return true;
    const fits =
      value.ips.length === 0 ? value.interfaceName !== undefined : value.ips.some(ip => same(ip, NODE));
    if (!fits || (atLink !== undefined && atLink !== key)) return false;
    atLink = key;
    return true;
  });
}

/** Pods of n1 whose IPv4 address nobody else claims. */
function podsOf(snapshot: Snapshot): readonly { readonly key: string; readonly ip: Ip }[] {
  const claims = [...snapshot.endpoints.values()].flatMap(e => e.ips.map(formatIp));
  return [...snapshot.endpoints.values()].flatMap(({ key, node: at, hostNetwork, ips }) => {
    const ip = ips.find(one => one.family === 4);
    const lone = ip !== undefined && claims.filter(text => text === formatIp(ip)).length === 1;
    return at === 'n1' && !hostNetwork && lone ? [{ key, ip }] : [];
  });
}

it('what policies mean at host endpoints is what the rules do to packets on their way over a node', () => {
  const seen = { allow: 0, deny: 0, untracked: 0, forwarded: 0 };
  fc.assert(
    fc.property(hostWorlds, broad, questions, (facts, more, asked) => {
      const snapshot = cluster(...plain(facts), ...more, node('n1', formatIp(NODE)));
      const pods = podsOf(snapshot);
      const links = new Map([...snapshot.endpoints.keys()].map((key, i) => [key, `msl${i}`]));
      const state = nodeState(snapshot, 'n1');
      const rules = compile(state, {
        ...NODE_CONFIG_DEFAULTS,
        family: 4,
        pools: [],
        interfacesOf: key => [links.get(key) ?? []].flat(),
        links: [{ name: 'eth0', ips: [NODE] }],
      });
      const forms = [rules, lower(rules, IPTABLES_LIMITS), lower(rules, NFT_LIMITS)];
      const judge = new Judge({ ...snapshot, services: new Map() });
      for (const question of asked) {
        const pick = (kind: (typeof question)['from'], n: number): End | undefined => {
          if (kind === 'node') return { ip: NODE, link: undefined };
          if (kind === 'outside') return { ip: OUTSIDE, link: 'eth0' };
          const pod = pods[n % Math.max(1, pods.length)];
          return pod && { ip: pod.ip, link: links.get(pod.key) };
        };
        const [from, to] = [pick(question.from, question.dice), pick(question.to, question.dice + 1)];
        if (from === undefined || to === undefined || from.ip === to.ip) continue;
        if (from.link === to.link) continue;
        const { protocol, port, icmp } = question;
        const ported = [6, 17, 132].includes(protocol);
        const answer = judge.verdict({
          from: { ip: from.ip },
          to: { ip: to.ip },
          protocol,
          ...(ported && { port, sourcePort: SOURCE_PORT }),
          ...(protocol === 1 && { icmp }),
        });
        if (!answer.ok) throw new Error(answer.fault.message);
        const said = answer.value.answer === 'allow';
        for (const form of forms) {
          const sets = lookupOf(form.sets, state.sets);
          const way = (a: End, b: End): Course =>
            a.link === undefined ? 'out' : b.link === undefined ? 'in' : 'through';
          const packet = (a: End, b: End, reply: boolean, ctState: Packet['ctState']): Packet => ({
            family: 4,
            ...(a.link !== undefined && { in: a.link }),
            ...(b.link !== undefined && { out: b.link }),
            src: a.ip,
            dst: b.ip,
            protocol,
            ...(ported && { sport: reply ? port : SOURCE_PORT, dport: reply ? SOURCE_PORT : port }),
            ...(protocol === 1 && { icmp: { ...icmp, type: reply && icmp.type === 8 ? 0 : icmp.type } }),
            ctState,
            mark: 0,
            srcLocal: a.link === undefined,
            dstLocal: b.link === undefined,
          });
          const go = journey(form, sets, way(from, to), packet(from, to, false, 'NEW'));
          // Whether the answer comes back when it is no part of the connection is up to the pod's other policies.
          if (go.untracked && way(from, to) === 'through' && protocol !== TCP) continue;
          const known = !go.untracked ? 'ESTABLISHED' : protocol === TCP ? 'INVALID' : 'NEW';
          const back = journey(form, sets, way(to, from), packet(to, from, true, known));
          if (back.untracked && way(from, to) === 'through' && protocol !== TCP) continue;
          const together = protocol !== TCP || go.untracked === back.untracked;
          const passes = go.passes && back.passes && together;
          if (go.untracked) seen.untracked++;
          if (answer.value.paths[0]?.crossings.length) seen.forwarded++;
          expect(
            passes,
            JSON.stringify([question, formatIp(from.ip), formatIp(to.ip), go, back, answer.value.paths[0]]),
          ).toBe(said);
        }
        seen[answer.value.answer]++;
      }
    }),
    { numRuns: 500 },
  );
  // A generator that never gets there would prove nothing.
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(100);
});
