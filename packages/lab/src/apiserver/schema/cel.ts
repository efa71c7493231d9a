import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { fail, ok, type Result } from '@muslin/net';
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldRequired, OMITTED } from '../field-error.ts';
import { isList, isObject, type Json, type JsonObject, sameJson } from '../json.ts';
import type { Cause } from '../status.ts';
import { addKubernetesLibrary } from './cel-library.ts';
import { escapeName } from './cel-types.ts';
import { nesting } from './cel-cost.ts';
import { fieldSchema, type Schema, type ValidationRule } from './schema.ts';
import { millisecondsOf } from './format.ts';
import { partnerOf } from './list-type.ts';

const environment = addKubernetesLibrary(
  new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false }),
)
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn');

interface Compiled {
  readonly run: ParseResult;
  /** Whether the rule compares with the state before (a transition rule). */
  readonly transition: boolean;
  /** How deep its loops nest; 0 without one. */
  readonly depth: number;
}

const compiled = new Map<string, Result<Compiled, string>>();

/** Parses and type-checks an expression once. The fault is the reason, for a person. */
export function compileRule(text: string): Result<Compiled, string> {
  let found = compiled.get(text);
  if (found === undefined) {
    found = compile(text);
    compiled.set(text, found);
  }
  return found;
}

function compile(text: string): Result<Compiled, string> {
  try {
    const run = environment.parse(text);
    const check = run.check();
    if (!check.valid) return fail(firstLine(check.error));
    return ok({ run, transition: /\boldSelf\b/.test(text), depth: nesting(run.ast) });
  } catch (cause) {
    return fail(firstLine(cause));
  }
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';
}

/** More loop steps than this in one rule are refused (the real server's cost limit is of this order). */
const STEP_LIMIT = 1_000_000;

/** A rule that does not hold. */
export interface Breach {
  readonly cause: Cause;
  /** The value was so before the update, which left it alone: a warning only (KEP-4008, ratcheting). */
  readonly tolerated: boolean;
}

/**
 * Breaches of all x-kubernetes-validations below a value.
 * @param old the value before an update; undefined on create, where transition rules don't run
 */
export function checkValidations(
  value: Json,
  old: Json | undefined,
  schema: Schema,
  path = '',
): readonly Breach[] {
  if (!hasRules(schema)) return [];
  const causes: Breach[] = [];
  const same = old !== undefined && sameJson(value, old);
  for (const rule of schema['x-kubernetes-validations'] ?? []) {
    const cause = checkRule(rule, value, old, schema, path);
    if (cause !== undefined) causes.push({ cause, tolerated: same && !/\boldSelf\b/.test(rule.rule) });
  }
  if (isList(value) && schema.items !== undefined) {
    const items = schema.items;
    value.forEach((item, i) => {
      causes.push(...checkValidations(item, partnerOf(item, old, schema), items, `${path}[${i}]`));
    });
  } else if (isObject(value)) {
    for (const [name, child] of Object.entries(value)) {
      const type = fieldSchema(schema, name);
      if (type === undefined || child === undefined || child === null) continue;
      const before = isObject(old) ? old[name] : undefined;
      causes.push(...checkValidations(child, before, type, path === '' ? name : `${path}.${name}`));
    }
  }
  return causes;
}

const withRules = new WeakMap<Schema, boolean>();
/** Whether there is a rule anywhere in a schema. */
export function hasRules(schema: Schema): boolean {
  let found = withRules.get(schema);
  if (found === undefined) {
    const children = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
    found =
      (schema['x-kubernetes-validations']?.length ?? 0) > 0 ||
      children.some(child => typeof child === 'object' && hasRules(child));
    withRules.set(schema, found);
  }
  return found;
}

function checkRule(
  rule: ValidationRule,
  value: Json,
  old: Json | undefined,
  schema: Schema,
  path: string,
): Cause | undefined {
  const program = compileRule(rule.rule);
  const where = rule.fieldPath === undefined ? path : `${path}${rule.fieldPath}`.replace(/^\./, '');
  const type = schema.type ?? 'object';
  const field = where === '' ? '<nil>' : where;
  if (!program.ok) return fieldInvalid(field, type, `rule compile error: ${program.fault}`);
  const { run, transition, depth } = program.value;
  if (transition && old === undefined && rule.optionalOldSelf !== true) return undefined;
  if (depth > 0 && largest(value) ** depth > STEP_LIMIT) {
    return fieldInvalid(field, type, `call cost exceeds limit for rule: ${rule.rule}`);
  }
  const self = toCel(value, schema);
  const context: Record<string, unknown> = { self };
  if (transition) {
    const before = old === undefined ? undefined : toCel(old, schema);
    context['oldSelf'] = rule.optionalOldSelf === true ? optional(before) : before;
  }
  try {
    if (run(context) === true) return undefined;
  } catch (cause) {
    const why = `${evaluationFault(cause)} evaluating rule: ${rule.message ?? rule.rule}`;
    return fieldInvalid(path === '' ? '<nil>' : path, type, why);
  }
  return refusal(rule, field, typeof value === 'object' ? OMITTED : value, messageOf(rule, context));
}

function optional(value: unknown): unknown {
  return value === undefined
    ? environment.evaluate('optional.none()')
    : environment.evaluate('optional.of(self)', { self: value });
}

function messageOf(rule: ValidationRule, context: Record<string, unknown>): string {
  if (rule.messageExpression !== undefined) {
    const program = compileRule(rule.messageExpression);
    try {
      const text: unknown = program.ok ? program.value.run(context) : undefined;
      if (typeof text === 'string' && text.trim() !== '') return text;
    } catch {
      // A failing messageExpression falls back to message (CRD docs, "The messageExpression field").
    }
  }
  return rule.message ?? `failed rule: ${rule.rule}`;
}

/** Why an expression has no value, in the words of the real server where they are known. */
function evaluationFault(cause: unknown): string {
  const text = firstLine(cause).replace(/^EvaluationError: /, '');
  if (/division by zero/i.test(text)) return 'division by zero';
  if (/modul\w+ by zero/i.test(text)) return 'modulus by zero';
  return text.replace(/^No such key: /, 'no such key: ');
}

function refusal(rule: ValidationRule, field: string, value: Json | typeof OMITTED, message: string): Cause {
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return fieldForbidden(field, message);
    case 'FieldValueRequired':
      return fieldRequired(field, message);
    case 'FieldValueDuplicate':
      return fieldDuplicate(field, value);
    default:
      return fieldInvalid(field, value, message);
  }
}

/** The length of the longest list or map anywhere in the value. */
function largest(value: Json): number {
  if (isList(value)) return value.reduce<number>((most, item) => Math.max(most, largest(item)), value.length);
  if (!isObject(value)) return 0;
  const all = Object.values(value);
  return all.reduce<number>(
    (most, item) => Math.max(most, item === undefined ? 0 : largest(item)),
    all.length,
  );
}

/** JSON as CEL sees it by its schema: integers as int, other numbers as double, date-times as timestamps. */
function toCel(value: Json, schema: Schema | undefined): unknown {
  if (typeof value === 'number') {
    return schema?.type === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  }
  if (typeof value === 'string') {
    if (schema?.format === 'date-time') return new Date(value);
    if (schema?.format === 'duration')
      return environment.evaluate('duration(self)', { self: `${millisecondsOf(value) ?? 0}ms` });
    return value;
  }
  if (isList(value)) return value.map(item => toCel(item, schema?.items));
  if (!isObject(value)) return value;
  return fieldsToCel(value, schema);
}

function fieldsToCel(value: JsonObject, schema: Schema | undefined): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value)) {
    if (child === undefined) continue;
    const known = schema?.properties !== undefined;
    out[known ? escapeName(name) : name] = toCel(child, fieldSchema(schema, name));
  }
  return out;
}
