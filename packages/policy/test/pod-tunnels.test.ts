import type { FactChange, FelixFacts } from '@muslin/api';
import { mustIp } from '@muslin/net';
import { expect, it } from 'vitest';
import { explain, verdict } from '../src/index.ts';
import { cluster, namespace, node, pod, UDP } from './cluster.ts';

const IPIP = 4;
const felix = (name: string, says: Partial<FelixFacts>): FactChange => {
  const none = { nodeSelector: undefined, failsafeInbound: undefined, failsafeOutbound: undefined };
  return { type: 'felix', key: name, value: { name, ...none, ...says } };
};
const things = [
  node('n1', '192.168.0.1', 'fd01::1'),
  node('n2', '192.168.0.2', 'fd01::2'),
  namespace('shop'),
  pod('shop/web', { ips: ['10.0.0.1', 'fd00::1'] }),
  pod('shop/far', { ips: ['10.0.0.2', 'fd00::2'], node: 'n2' }),
];

function ask(to: string, protocol: number, port: number | undefined, ...more: readonly FactChange[]) {
  const from = { endpoint: 'pod/shop/web' };
  const flow = { from, to: { ip: mustIp(to) }, protocol, ...(port !== undefined && { port }) };
  const answer = verdict(cluster(...things, ...more), flow);
  if (!answer.ok) throw new Error(answer.fault.message);
  return answer.value;
}

it.each([
  ['IP in IP to a node', '192.168.0.2', IPIP, undefined],
  ['IP in IP to another pod', '10.0.0.2', IPIP, undefined],
  ['VXLAN to a node', '192.168.0.2', UDP, 4789],
  ['VXLAN to its own node', '192.168.0.1', UDP, 4789],
  ['VXLAN over IPv6', 'fd01::2', UDP, 4789],
] as const)('pods may not send %s, whatever policies say', (_, to, protocol, port) => {
  const answer = ask(to, protocol, port);
  expect(answer.answer).toBe('deny');
  expect(answer.paths[0]?.egress).toMatchObject({ endpoint: 'pod/shop/web', because: { code: 'tunnel' } });
});

it.each([
  ['UDP to a port beside it', '192.168.0.2', UDP, 4790],
  ['TCP to that port', '192.168.0.2', 6, 4789],
  ['protocol 4 over IPv6, where nobody decapsulates it', 'fd01::2', IPIP, undefined],
  ['VXLAN to itself', '10.0.0.1', UDP, 4789],
] as const)('pods may send %s', (_, to, protocol, port) => {
  expect(ask(to, protocol, port).answer).toBe('allow');
});

it('FelixConfiguration lets them, moves the port, and the narrowest that says something counts', () => {
  const all = felix('default', { ipipFromPods: true, vxlanFromPods: true });
  expect(ask('192.168.0.2', IPIP, undefined, all).answer).toBe('allow');
  expect(ask('192.168.0.2', UDP, 4789, all).answer).toBe('allow');
  const own = felix('node.n1', { vxlanFromPods: false, vxlanPort: 8472 });
  expect(ask('192.168.0.2', IPIP, undefined, all, own).answer).toBe('allow');
  expect(ask('192.168.0.2', UDP, 8472, all, own).answer).toBe('deny');
  expect(ask('192.168.0.2', UDP, 4789, all, own).answer).toBe('allow');
});

it('the explanation names the field', () => {
  expect(explain(ask('192.168.0.2', UDP, 4789))).toContain('allowVXLANPacketsFromWorkloads');
});
