import { Environment, type ObjectSchema } from '@marcbachmann/cel-js';
import { addKubernetesLibrary } from './cel-library.ts';
import { isOpaque, type Schema, type ValidationRule } from './schema.ts';

const base = addKubernetesLibrary(
  new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false }),
);

const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Property names that are no CEL identifiers are escaped (CRD docs, "Escaping"). */
export function escapeName(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** A CEL type name, or the fields of an object. */
type CelType = string | { readonly [field: string]: CelType };

/** What every object has at its root, whatever its schema says (CRD docs, "Validation rules"). */
const ROOT: { readonly [field: string]: CelType } = {
  apiVersion: 'string',
  kind: 'string',
  metadata: { name: 'string', generateName: 'string' },
};

function typeOf(schema: Schema, root = false): CelType {
  if (schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-embedded-resource']) return 'dyn';
  switch (schema.type) {
    case 'string':
      if (schema.format === 'date-time') return 'google.protobuf.Timestamp';
      return schema.format === 'duration' ? 'google.protobuf.Duration' : 'string';
    case 'integer':
      return 'int';
    case 'number':
      return 'double';
    case 'boolean':
      return 'bool';
    case 'array':
      return `list<${nameOf(schema.items)}>`;
    case 'object': {
      if (isOpaque(schema)) return 'dyn';
      if (typeof schema.additionalProperties === 'object') {
        return `map<string, ${nameOf(schema.additionalProperties)}>`;
      }
      const own = Object.entries(schema.properties ?? {}).map(([name, child]) => [
        escapeName(name),
        typeOf(child),
      ]);
      return root ? { ...Object.fromEntries(own), ...ROOT } : Object.fromEntries(own);
    }
    default:
      return 'dyn';
  }
}

/** Objects inside lists and maps are not looked into. */
function nameOf(schema: Schema | undefined): string {
  const type = schema === undefined ? 'dyn' : typeOf(schema);
  return typeof type === 'string' ? type : 'dyn';
}

export const NO_BOOL = 'cel expression must evaluate to a bool';

/**
 * Why an expression does not fit the types of its schema: a field that is not there, a number compared with a
 * text. undefined when it fits.
 */
export function typeFault(
  expression: string,
  rule: ValidationRule,
  schema: Schema,
  root: boolean,
  wants: 'bool' | 'string' = 'bool',
): string | undefined {
  const env = base.clone();
  const type = typeOf(schema, root);
  for (const name of ['self', 'oldSelf']) {
    if (name === 'oldSelf' && rule.optionalOldSelf === true) env.registerVariable(name, 'dyn');
    else if (typeof type === 'string') env.registerVariable(name, type);
    else env.registerVariable({ name, schema: type as ObjectSchema });
  }
  const check = env.check(expression);
  if (!check.valid) return check.error?.message.split('\n')[0] ?? 'it does not fit the schema';
  if (check.type === wants || check.type === 'dyn') return undefined;
  return wants === 'bool' ? NO_BOOL : 'messageExpression must evaluate to a string';
}
