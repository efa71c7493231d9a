import { describe, expect, it } from 'vitest';
import { KINDS, kindNamed } from '../src/kinds/kinds.ts';
import { get } from '../src/verbs/get.ts';

describe('the table of kinds', () => {
  it('gives every name to one kind only', () => {
    const names = KINDS.flatMap(row => row.names);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it('is in the help of get', () => {
    expect(KINDS.map(row => row.names[0]).filter(name => !get.details?.includes(name))).toEqual([]);
  });

  it('takes names in any case, and with their group', () => {
    expect(kindNamed('IPPool')).toBe(kindNamed('ippools.projectcalico.org'));
    expect(kindNamed('BGPPeer')?.names[0]).toBe('bgppeers');
  });

  it.each([
    ['bgpp bp', 'bgppeers'],
    ['bgpf bf', 'bgpfilters'],
    ['np policy pol', 'networkpolicies'],
    ['gnp', 'globalnetworkpolicies'],
    ['netsets', 'networksets'],
    ['gnetsets', 'globalnetworksets'],
    ['hep', 'hostendpoints'],
    ['pool ipp', 'ippools'],
    ['reservation', 'ipreservations'],
    ['felixconfig', 'felixconfigurations'],
    ['nodestatus', 'caliconodestatuses'],
    ['wep', 'workloadendpoints'],
    ['no', 'nodes'],
    ['kubecontrollersconfig', 'kubecontrollersconfigurations'],
    ['snp spol', 'stagednetworkpolicies'],
    ['sgnp', 'stagedglobalnetworkpolicies'],
    ['sknp skpol', 'stagedkubernetesnetworkpolicies'],
  ])('knows %s as calicoctl does', (words, plural) => {
    for (const word of words.split(' ')) expect([word, kindNamed(word)?.names[0]]).toEqual([word, plural]);
  });
});
