import { Environment } from '@marcbachmann/cel-js';
import type { SchemaNode } from '@muslin/api';
import { formatPrefix, parsePrefix } from '@muslin/net';

class Cidr {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** The little of Kubernetes' CEL library that our rules use. */
const environment = new Environment({ homogeneousAggregateLiterals: false })
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn')
  .registerType('CIDR', Cidr)
  .registerFunction('isCIDR(string): bool', (text: string) => parsePrefix(text).ok)
  .registerFunction('cidr(string): CIDR', (text: string) => new Cidr(text))
  .registerFunction('CIDR.masked(): CIDR', ({ text }: Cidr) => {
    const parsed = parsePrefix(text);
    if (!parsed.ok) throw new Error(parsed.fault.message);
    return new Cidr(formatPrefix(parsed.value));
  })
  .registerFunction('CIDR.prefixLength(): int', ({ text }: Cidr) => BigInt(text.split('/')[1] ?? 0))
  .registerOperator('CIDR == CIDR', (a: Cidr, b: Cidr) => a.text === b.text);

/** Messages of all rules in a schema that a value breaks; those about `oldSelf` only when there is an old value. */
export function brokenRules(schema: SchemaNode, value: unknown, old?: unknown): readonly string[] {
  const own = (schema['x-kubernetes-validations'] ?? [])
    .filter(({ rule }) => old !== undefined || !/\boldSelf\b/.test(rule))
    .filter(
      ({ rule }) => !environment.evaluate(rule, { self: cel(value, schema), oldSelf: cel(old, schema) }),
    )
    .map(({ message }) => message);
  if (Array.isArray(value))
    return [...own, ...value.flatMap(item => brokenRules(schema.items as SchemaNode, item))];
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const part = partOf(value, name);
    return part === undefined ? [] : brokenRules(property, part, partOf(old, name));
  });
  return [...own, ...below];
}

function partOf(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | undefined)?.[name];
}

/** JSON as CEL sees it: integers by type, absent fields filled with defaults. */
function cel(value: unknown, schema: SchemaNode): unknown {
  if (typeof value === 'number') return schema.type === 'number' ? value : BigInt(value);
  if (Array.isArray(value)) return value.map(item => cel(item, schema.items ?? {}));
  if (typeof value !== 'object' || value === null) return value;
  const filled = { ...value } as Record<string, unknown>;
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    if (filled[name] === undefined && property.default !== undefined) filled[name] = property.default;
  return Object.fromEntries(
    Object.entries(filled).map(([name, part]) => [name, cel(part, schema.properties?.[name] ?? {})]),
  );
}
