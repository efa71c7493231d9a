import type { AnyObject } from '@muslin/kube';
import { expect, test } from 'vitest';
import { felixSettings } from '../src/felix-settings.ts';
import { felixFor } from '../src/felix-spec.ts';
import { chooseBackEnd, type NodeRules } from '../src/kernel/choose-back-end.ts';
import { NodeRulesSight } from '../src/kernel/node-rules-sight.ts';

const felix = (name: string, spec: object, annotations: Record<string, string> = {}): AnyObject => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'FelixConfiguration',
  metadata: { name, annotations },
  spec,
});

const wishes = (configurations: readonly AnyObject[], node: string, labels = new Map<string, string>()) => {
  const { nftables, iptables, established } = felixSettings(felixFor(configurations, node, labels));
  return { nftables, iptables, established };
};

test('a node’s own FelixConfiguration wins over default; Auto is no wish', () => {
  const all = [
    felix(
      'default',
      { nftablesMode: 'Enabled', iptablesBackend: 'NFT' },
      { 'muslin.dev/established': 'Keep' },
    ),
    felix('node.n1', { nftablesMode: 'Auto', iptablesBackend: 'Legacy' }),
    felix('node.n2', { nftablesMode: 'Disabled' }, { 'muslin.dev/established': 'cut' }),
    felix('elsewhere', { nftablesMode: 'Disabled' }),
  ];
  expect(wishes(all, 'n1')).toEqual({ nftables: 'enabled', iptables: 'legacy', established: 'keep' });
  expect(wishes(all, 'n2')).toEqual({ nftables: 'disabled', iptables: 'nft', established: 'cut' });
  expect(wishes(all.toReversed(), 'n3')).toEqual({
    nftables: 'enabled',
    iptables: 'nft',
    established: 'keep',
  });
  expect(wishes([felix('default', { nftablesMode: 'yes' })], 'n1')).toEqual({});
});

const PROXY: NodeRules = {
  kubeProxyInNftables: true,
  iptables: { backend: 'nft', because: 'system-default' },
};
const PLAIN: NodeRules = {
  kubeProxyInNftables: false,
  iptables: { backend: 'legacy', because: 'kube-chains' },
};
const AUTO = { dataplane: 'auto', iptables: 'auto' } as const;

test.each([
  [AUTO, {}, PROXY, 'nftables', 'kube-proxy-uses-nftables'],
  [AUTO, {}, PLAIN, 'iptables-legacy', 'kube-chains'],
  [AUTO, { nftables: 'enabled' }, PLAIN, 'nftables', 'FelixConfiguration'],
  [AUTO, { nftables: 'disabled' }, PROXY, 'iptables-nft', 'system-default'],
  [AUTO, { iptables: 'legacy' }, PROXY, 'iptables-legacy', 'FelixConfiguration'],
  [AUTO, { nftables: 'enabled', iptables: 'legacy' }, PLAIN, 'nftables', 'FelixConfiguration'],
  [{ ...AUTO, iptables: 'nft' }, {}, PROXY, 'iptables-nft', 'option'],
  [{ ...AUTO, dataplane: 'nftables' }, { nftables: 'disabled' }, PLAIN, 'nftables', 'option'],
  [
    { dataplane: 'iptables', iptables: 'auto' },
    { nftables: 'enabled' },
    PROXY,
    'iptables-nft',
    'system-default',
  ],
  [{ dataplane: 'iptables', iptables: 'nft' }, { iptables: 'legacy' }, PLAIN, 'iptables-nft', 'option'],
] as const)(
  '%j with %j on a node with %j takes %s because of %s',
  (wish, settings, seen, backEnd, because) => {
    expect(chooseBackEnd(wish, settings, seen)).toEqual({ backEnd, because });
  },
);

test('kube-proxy has moved when two looks in a row say so, and a look that failed says nothing', () => {
  const moved: NodeRules = { ...PROXY, iptables: { backend: 'legacy', because: 'more-rules' } };
  const sight = new NodeRulesSight(PLAIN);
  const looks = [{ ...PLAIN, iptables: PROXY.iptables }, PROXY, undefined, PROXY, PLAIN, PROXY, moved, PLAIN];
  expect(looks.map(look => sight.take(look))).toEqual([
    ...Array.from({ length: 6 }, () => PLAIN),
    moved,
    moved,
  ]);
  expect(sight.take(PLAIN)).toBe(PLAIN);
});
