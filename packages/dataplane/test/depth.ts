import { type Limits, lower, type Ruleset } from '../src/index.ts';

/** How deep the filter table's chains nest once lowered, the hook's own chain included. */
export function depthOf(ruleset: Ruleset, limits: Limits): number {
  const filter = lower(ruleset, limits).tables.get('filter');
  const known = new Map<string, number>();
  const depth = (name: string): number => {
    let deep = known.get(name);
    if (deep === undefined) {
      const rules = filter?.chains.get(name)?.rules ?? [];
      deep = 1 + Math.max(0, ...rules.map(({ action }) => ('chain' in action ? depth(action.chain) : 0)));
      known.set(name, deep);
    }
    return deep;
  };
  return 1 + Math.max(...[...(filter?.hooks.values() ?? [])].map(depth));
}
