import type { Action } from '../ir/action.ts';
import type { Rule } from '../ir/ruleset.ts';

/**
 * An interface look-up as a tree over the characters of the names: at most `fanout` comparisons per level.
 * `miss` is where a node sends what it doesn't know; `node` makes a chain of rules and returns its name.
 */
export function dispatchRules(
  by: 'in' | 'out',
  chains: ReadonlyMap<string, string>,
  fanout: number,
  miss: Action,
  node: (rules: readonly Rule[]) => string,
): readonly Rule[] {
  const kind = by === 'in' ? 'in-interface' : 'out-interface';
  const names = [...chains.keys()].toSorted();
  const level = (group: readonly string[]): readonly Rule[] => {
    const exact = (name: string): Rule => ({
      matches: [{ kind, name }],
      action: { kind: 'goto', chain: chains.get(name) as string },
    });
    if (group.length <= fanout) return group.map(exact);
    const common = commonPrefix(group);
    const branches = Map.groupBy(group, name => name.slice(0, common.length + 1));
    return [...branches].map(([start, members]): Rule => {
      const [only, ...more] = members;
      if (only !== undefined && more.length === 0) return exact(only);
      const chain = node([...level(members), { matches: [], action: miss }]);
      return { matches: [{ kind, name: start, wildcard: true }], action: { kind: 'goto', chain } };
    });
  };
  return level(names);
}

function commonPrefix(sorted: readonly string[]): string {
  const [first, last] = [sorted[0] ?? '', sorted.at(-1) ?? ''];
  let length = 0;
  while (length < first.length && first[length] === last[length]) length++;
  return first.slice(0, length);
}
