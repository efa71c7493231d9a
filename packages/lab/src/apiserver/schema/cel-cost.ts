/** The macros that run their body once per element. */
const LOOPS = new Set(['all', 'exists', 'exists_one', 'map', 'filter', 'transformList', 'transformMap']);

/**
 * How deep loops nest in an expression: `a.all(x, b.exists(y, …))` is 2.
 * Walks the parser's nodes ({op, args}) without knowing every operator.
 */
export function nesting(node: unknown): number {
  if (Array.isArray(node)) return node.reduce<number>((most, item) => Math.max(most, nesting(item)), 0);
  if (typeof node !== 'object' || node === null) return 0;
  const { op, args } = node as { readonly op?: unknown; readonly args?: unknown };
  if (op === 'rcall' && Array.isArray(args) && LOOPS.has(String(args[0]))) {
    return Math.max(nesting(args[1]), 1 + nesting(args[2]));
  }
  return nesting(args);
}
