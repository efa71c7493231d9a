import { describe, expect, test } from 'vitest';
import { type Rendered, render } from '../src/kernel/back-end.ts';
import { RuleProof } from '../src/kernel/rule-proof.ts';
import { coreOf, egressDeny, NAMESPACE, object, podObject, policyObject } from './cluster-facts.ts';

const core = coreOf([
  object(NAMESPACE),
  object(podObject('web', 'u1', ['10.0.0.1'])),
  object(podObject('db', 'u2', ['10.0.0.2', 'fd00::2'])),
  object(policyObject('db', 'db', 'web')),
  object(egressDeny('web', 'web')),
  {
    type: 'local',
    endpoint: {
      key: 'pod/shop/web',
      containerId: 'c1',
      uid: 'u1',
      hostInterface: 'msl00000000001',
      ips: [],
      routedBy: 'us',
      ports: [],
    },
  },
]);
const desired = core.desired();

/** The same text with every DROP an ACCEPT. */
function open({ tables, nft, ...rest }: Rendered): Rendered {
  const opened = <C extends { readonly rules: readonly { readonly hash: string; readonly text: string }[] }>(
    chain: C,
  ): C => ({
    ...chain,
    rules: chain.rules.map(rule => ({
      ...rule,
      text: rule.text.replace('DROP', 'ACCEPT').replace(/\bdrop\b/, 'accept'),
    })),
  });
  return {
    ...rest,
    tables: tables.map(table => ({
      ...table,
      chains: new Map([...table.chains].map(([k, c]) => [k, opened(c)])),
    })),
    nft: nft.map(table => ({ ...table, chains: new Map([...table.chains].map(([k, c]) => [k, opened(c)])) })),
  };
}

describe.each(['nftables', 'iptables-nft'] as const)('rules for %s', backEnd => {
  test('are loaded when they mean what the policies mean', () => {
    expect(new RuleProof('enforce').check(desired, () => render(desired, backEnd))).toMatchObject({
      outcome: 'equal',
      refused: false,
      message: undefined,
    });
  });

  test('are refused when they do not, with a packet that shows it; a switch loads them and tells', () => {
    const damaged = () => open(render(desired, backEnd));
    const report = new RuleProof('enforce').check(desired, damaged);
    expect(report).toMatchObject({ outcome: 'different', refused: true });
    expect(report.message).toMatch(/the policies.* mean drop, the rules accept$/);
    expect(new RuleProof('warn').check(desired, damaged)).toMatchObject({
      outcome: 'different',
      refused: false,
    });
    expect(new RuleProof('off').check(desired, damaged)).toMatchObject({ outcome: 'off', refused: false });
  });
});
