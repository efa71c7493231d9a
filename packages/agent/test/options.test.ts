import { expect, test } from 'vitest';
import { readOptions } from '../src/options.ts';

const DEFAULTS = {
  node: 'n1',
  kubeconfig: undefined,
  runDir: '/run/muslin',
  stateDir: '/var/lib/muslin',
  cniQueue: '/var/lib/muslin/cni-queue',
  established: 'cut',
  dataplane: 'auto',
  iptables: 'auto',
  keepAddresses: 16,
  prove: 'enforce',
  flows: 'on',
  rehearse: 'off',
  prepare: 'on',
  autodetection: { 4: { kind: 'kubernetes-internal-ip' }, 6: { kind: 'kubernetes-internal-ip' } },
  addressChange: 'follow',
  refreshMs: 10_000,
};

test('a name is enough, by flag or environment; the flag wins', () => {
  expect(readOptions(['--node', 'n1'], {})).toEqual(DEFAULTS);
  expect(readOptions([], { NODENAME: 'n1' })).toEqual(DEFAULTS);
  expect(readOptions(['--node', 'n1'], { NODENAME: 'other' })).toEqual(DEFAULTS);
});

test('every flag arrives', () => {
  const flags = {
    kubeconfig: '/k',
    'run-dir': '/r',
    'state-dir': '/s',
    'cni-queue': '/q',
    established: 'keep',
    dataplane: 'nftables',
    iptables: 'nft',
    'keep-addresses': '0',
    prove: 'warn',
    flows: 'off',
    rehearse: 'on',
    prepare: 'off',
    'ip-autodetection': 'first-found',
    'ip6-autodetection': 'can-reach=fd00::1',
    'address-change': 'keep',
    'refresh-ms': '100',
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  expect(readOptions(['--node', 'a.b-c', ...args], {})).toEqual({
    node: 'a.b-c',
    kubeconfig: '/k',
    runDir: '/r',
    stateDir: '/s',
    cniQueue: '/q',
    established: 'keep',
    dataplane: 'nftables',
    iptables: 'nft',
    keepAddresses: 0,
    prove: 'warn',
    flows: 'off',
    rehearse: 'on',
    prepare: 'off',
    autodetection: { 4: { kind: 'first-found' }, 6: { kind: 'can-reach', destination: 'fd00::1' } },
    addressChange: 'keep',
    refreshMs: 100,
  });
});

test('methods to find the node’s address come from Calico’s variables too; the flag wins, and what makes no sense is named', () => {
  const env = { IP_AUTODETECTION_METHOD: 'interface=eth.*', IP6_AUTODETECTION_METHOD: '' };
  expect(readOptions(['--node', 'n1'], env)).toMatchObject({
    autodetection: { 4: { kind: 'interface', patterns: [/eth.*/] }, 6: { kind: 'kubernetes-internal-ip' } },
  });
  expect(readOptions(['--node', 'n1', '--ip-autodetection', 'first-found'], env)).toMatchObject({
    autodetection: { 4: { kind: 'first-found' } },
  });
  expect(readOptions(['--node', 'n1'], { IP_AUTODETECTION_METHOD: 'cidr=ten' })).toMatch(
    /^IP_AUTODETECTION_METHOD: "ten" is no prefix/,
  );
  expect(readOptions(['--node', 'n1', '--ip6-autodetection', 'guess'], {})).toMatch(
    /^--ip6-autodetection: "guess" is no method/,
  );
});

test('the queue of DELs lies with the state unless said otherwise', () => {
  expect(readOptions(['--node', 'n1', '--state-dir', '/s'], {})).toMatchObject({ cniQueue: '/s/cni-queue' });
});

test.each([
  [[], 'node must be this node\'s Kubernetes name, not ""'],
  [['--node', 'Upper'], 'Kubernetes name, not "Upper"'],
  [['--node', '../x'], 'Kubernetes name'],
  [['--node', 'n1', '--iptables', 'both'], '--iptables takes auto, nft or legacy, not "both"'],
  [['--node', 'n1', '--dataplane', 'ebpf'], '--dataplane takes auto, iptables or nftables, not "ebpf"'],
  [['--node', 'n1', '--established', 'drop'], '--established takes cut or keep, not "drop"'],
  [['--node', 'n1', '--keep-addresses', '65'], '--keep-addresses takes a whole number from 0 to 64'],
  [['--node', 'n1', '--rehearse', 'twice'], '--rehearse takes on or off, not "twice"'],
  [['--node', 'n1', '--refresh-ms', '99'], '--refresh-ms takes a whole number of 100 or more'],
  [['--node', 'n1', '--refresh-ms', 'soon'], '--refresh-ms takes a whole number of 100 or more'],
  [['--node', 'n1', '--colour', 'red'], "Unknown option '--colour'"],
])('%j is refused in words', (args, text) => {
  expect(readOptions(args, {})).toContain(text);
});
