import { describe, expect, test } from 'vitest';
import { chooseBackend } from '../src/iptables/detect-backend.ts';
import { commitFault, restoreFault } from '../src/iptables/restore-fault.ts';

const INPUT = '*filter\n:msl-x - [0:0]\n-A msl-x --bogus\nCOMMIT\n';

describe('what iptables-restore complains about', () => {
  test.each([
    [
      'nft, parser',
      "iptables-nft-restore v1.8.9 (nf_tables): unknown option \"--bogus\"\nError occurred at line: 3\nTry `iptables-nft-restore -h' or 'iptables-nft-restore --help' for more information.\n",
      3,
    ],
    [
      'nft, kernel',
      'iptables-nft-restore v1.8.9 (nf_tables): \nline 3: RULE_APPEND failed (No such file or directory): rule in chain msl-x\n',
      3,
    ],
    ['legacy, kernel', 'iptables-restore: line 4 failed\n', 4],
  ])('%s: the line is named', (_, stderr, line) => {
    const fault = restoreFault(INPUT, stderr);
    expect(fault).toMatchObject({ code: 'refused-rule', line, text: INPUT.split('\n')[line - 1] });
    expect(fault.message).not.toContain('Try ');
  });

  test('a long-lived process counts lines of earlier inputs, and they are taken off', () => {
    const fault = restoreFault(INPUT, 'iptables-restore: line 103 failed\n', 100);
    expect(fault).toMatchObject({ line: 3, text: '-A msl-x --bogus' });
    expect(fault.message).toBe('iptables-restore: line 3 failed (line 3: -A msl-x --bogus)');
  });

  test('without a line number the words are all there is', () => {
    expect(restoreFault(INPUT, 'iptables-restore: out of memory\n')).toEqual({
      code: 'refused-rule',
      message: 'iptables-restore: out of memory',
    });
    expect(restoreFault(INPUT, '').message).toBe('iptables-restore failed silently');
  });

  test('an input whose last table is not committed is refused before anything runs', () => {
    expect(commitFault(INPUT)).toBeUndefined();
    expect(commitFault('')).toBeUndefined();
    expect(commitFault('*filter\n-A x\n')).toMatchObject({ code: 'not-committed', line: 1, text: '*filter' });
    expect(commitFault('*nat\nCOMMIT')).toMatchObject({ code: 'not-committed' });
  });
});

describe('the back end of a node', () => {
  const nftDefault = () => Promise.resolve('nft' as const);
  const legacyDefault = () => Promise.resolve('legacy' as const);
  const rules = (count: number) => `*filter\n${'-A INPUT -j ACCEPT\n'.repeat(count)}COMMIT\n`;
  const kube = '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n';

  test.each([
    ["is the one with kubelet's chains", [kube, rules(9)], 'nft', 'kube-chains'],
    ["is the one with kubelet's chains, legacy too", [rules(9), kube], 'legacy', 'kube-chains'],
    ['is the one with more rules', [rules(1), rules(2)], 'legacy', 'more-rules'],
    ['is the one with more rules, nft too', [rules(2), rules(1)], 'nft', 'more-rules'],
    ['is the only one installed', [undefined, rules(0)], 'legacy', 'only-one-installed'],
    ['is nft when nothing is installed', [undefined, undefined], 'nft', 'only-one-installed'],
  ] as const)('%s', async (_, saved, backend, because) => {
    expect(await chooseBackend(saved, nftDefault)).toEqual({ backend, because });
  });

  test('is what plain iptables uses when both are empty', async () => {
    expect(await chooseBackend(['', ''], legacyDefault)).toEqual({
      backend: 'legacy',
      because: 'system-default',
    });
    expect(await chooseBackend([rules(3), rules(3)], nftDefault)).toEqual({
      backend: 'nft',
      because: 'system-default',
    });
  });
});
