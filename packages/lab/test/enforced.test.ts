import { describe, expect, it } from 'vitest';
import type { AgentStatus } from '../src/local-status.ts';
import { newest, notYet } from '../src/story/enforced.ts';

const status = (policies: Record<string, string>, more: Partial<AgentStatus> = {}): AgentStatus => ({
  node: 'n',
  ready: true,
  appliedThrough: { Pod: '100' },
  policies: Object.fromEntries(
    Object.entries(policies).map(([key, resourceVersion]) => [key, { resourceVersion, enforcedAt: 0 }]),
  ),
  ...more,
});
const demand = (version: string | undefined, through: Record<string, string> = {}) => ({
  policies: new Map([['knp/a/p', version]]),
  through,
});

describe('what is not yet enforced', () => {
  // demand, what the agent says, the complaint
  it.each([
    ['this version', demand('7'), status({ 'knp/a/p': '7' }), []],
    ['a later one', demand('7'), status({ 'knp/a/p': '12' }), []],
    ['an earlier one', demand('12'), status({ 'knp/a/p': '7' }), ['n1: knp/a/p at 7, not 12']],
    ['versions as numbers, not texts', demand('9'), status({ 'knp/a/p': '10' }), []],
    ['nothing yet', demand('7'), status({}), ['n1: knp/a/p at nothing, not 7']],
    ['removed', demand(undefined), status({}), []],
    ['not removed yet', demand(undefined), status({ 'knp/a/p': '7' }), ['n1: knp/a/p at 7, not gone']],
    ['not ready', demand('7'), status({ 'knp/a/p': '7' }, { ready: false }), ['n1: not ready']],
    ['no answer', demand('7'), undefined, ['n1: its agent does not answer']],
    [
      'pods behind',
      demand('7', { Pod: '101' }),
      status({ 'knp/a/p': '7' }),
      ['n1: Pod applied through 100, not 101'],
    ],
    [
      'a kind never seen',
      demand('7', { Node: '1' }),
      status({ 'knp/a/p': '7' }),
      ['n1: Node applied through nothing, not 1'],
    ],
    ['pods far enough', demand('7', { Pod: '100' }), status({ 'knp/a/p': '7' }), []],
  ] as const)('%s', (_, wanted, said, missing) => {
    expect(notYet(wanted, new Map([['n1', said]]))).toEqual(missing);
  });

  it('is asked of every node', () => {
    const nodes = new Map([
      ['n1', status({ 'knp/a/p': '7' })],
      ['n2', undefined],
      ['n3', status({})],
    ]);
    expect(notYet(demand('7'), nodes).map(line => line.slice(0, 2))).toEqual(['n2', 'n3']);
    expect(notYet(demand('7'), new Map())).toEqual([]);
  });

  it('goes by the newest of a list', () => {
    const at = (resourceVersion: string) => ({ metadata: { resourceVersion } });
    expect(newest([at('9'), at('10'), at('2'), { metadata: {} }])).toBe('10');
    expect(newest([])).toBe('0');
  });
});
