import { Environment } from '@marcbachmann/cel-js';
import type { SchemaNode } from '@muslin/api';
import { formatPrefix, parsePrefix } from '@muslin/net';
import { isRecord } from './json.ts';

class Cidr {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** CEL with what our definitions use of Kubernetes' library. */
const environment = new Environment({ homogeneousAggregateLiterals: false })
  .registerVariable('self', 'dyn')
  .registerType('CIDR', Cidr)
  .registerFunction('isCIDR(string): bool', (text: string) => parsePrefix(text).ok)
  .registerFunction('cidr(string): CIDR', (text: string) => new Cidr(text))
  .registerFunction('CIDR.masked(): CIDR', ({ text }: Cidr) => {
    const parsed = parsePrefix(text);
    if (!parsed.ok) throw new Error(parsed.fault.message);
    return new Cidr(formatPrefix(parsed.value));
  })
  .registerFunction('CIDR.prefixLength(): int', ({ text }: Cidr) => BigInt(text.split('/')[1] ?? 0))
  .registerOperator('CIDR == CIDR', (a: Cidr, b: Cidr) => sameCidr(a.text, b.text));

function sameCidr(a: string, b: string): boolean {
  const [left, right] = [a, b].map(text => text.split('/'));
  const [x, y] = [left, right].map(parts =>
    parsePrefix(`${parts?.[0]}/${parts?.[0]?.includes(':') ? 128 : 32}`),
  );
  return (
    x?.ok === true &&
    y?.ok === true &&
    formatPrefix(x.value) === formatPrefix(y.value) &&
    left?.[1] === right?.[1]
  );
}

interface Broken {
  readonly path: string;
  readonly message: string;
}

/**
 * The rules of a definition (x-kubernetes-validations) that a new object breaks. Rules about the state before are left
 * out: only the API server knows it. The value is of the right shape.
 */
export function ruleFindings(value: unknown, schema: SchemaNode, path = ''): readonly Broken[] {
  if (value === null || value === undefined) return [];
  const own = (schema['x-kubernetes-validations'] ?? [])
    .filter(({ rule }) => !/\boldSelf\b/.test(rule) && !holds(rule, value, schema))
    .map(({ message }) => ({ path, message }));
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? own
      : [...own, ...value.flatMap((item, i) => ruleFindings(item, items, `${path}[${i}]`))];
  }
  if (!isRecord(value)) return own;
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
    ruleFindings(value[name], part, path === '' ? name : `${path}.${name}`),
  );
  return [...own, ...below];
}

/** A rule that fails while it runs is broken, as at the API server. */
function holds(rule: string, value: unknown, schema: SchemaNode): boolean {
  try {
    return environment.evaluate(rule, { self: celValue(value, schema) }) === true;
  } catch {
    return false;
  }
}

/** JSON as CEL sees it: integers by type, absent fields filled with defaults. */
function celValue(value: unknown, schema: SchemaNode | undefined): unknown {
  if (typeof value === 'number') return schema?.type === 'number' ? value : BigInt(value);
  if (Array.isArray(value)) return value.map(item => celValue(item, schema?.items));
  if (!isRecord(value)) return value;
  const defaults = Object.entries(schema?.properties ?? {}).flatMap(([name, part]) =>
    part.default === undefined ? [] : [[name, part.default] as const],
  );
  const given = Object.entries(value).filter(([, part]) => part !== null && part !== undefined);
  return Object.fromEntries(
    [...new Map<string, unknown>([...defaults, ...given])].map(([name, part]) => [
      name,
      celValue(part, schema?.properties?.[name]),
    ]),
  );
}
