import { fieldForbidden, fieldInvalid, fieldRequired, fieldUnsupported } from '../field-error.ts';
import type { Cause } from '../status.ts';
import { compileRule } from './cel.ts';
import { DEFINITION_BUDGET, estimateCost, RULE_BUDGET } from './cel-cost.ts';
import { boundInside, cardinality } from './cel-size.ts';
import { NO_BOOL, typeFault } from './cel-types.ts';
import { fieldSchema, type Schema, type ValidationRule } from './schema.ts';

/** Breaches of x-kubernetes-validations: every rule must be CEL, say something sensible, and be cheap enough. */
export function checkRules(schema: Schema, path: string): readonly Cause[] {
  const causes: Cause[] = [];
  const costs: RuleCost[] = [];
  walk(schema, { path, bound: 1, lostIn: '' }, { causes, costs }, true);
  const total = costs.reduce((sum, { cost }) => sum + cost, 0);
  if (total > DEFINITION_BUDGET) {
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    causes.push(fieldForbidden(path, `${what} ${excess(total / DEFINITION_BUDGET)}`));
    const why = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    const dearest = costs.toSorted((a, b) => b.cost - a.cost).slice(0, 4);
    causes.push(...dearest.map(({ path: at }) => fieldForbidden(`${at}.rule`, why)));
  }
  return causes;
}

/** The estimated cost of one rule, times how often its value can be there. */
interface RuleCost {
  readonly path: string;
  readonly cost: number;
}

/** What each rule of a schema may cost, in CEL units. */
export function ruleCosts(schema: Schema): readonly RuleCost[] {
  const costs: RuleCost[] = [];
  walk(schema, { path: '', bound: 1, lostIn: '' }, { causes: [], costs }, true);
  return costs;
}

interface Found {
  readonly causes: Cause[];
  readonly costs: RuleCost[];
}

function excess(factor: number): string {
  const times = factor > 100 ? 'more than 100x' : `${factor.toFixed(1)}x`;
  const advice =
    'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';
  return `exceeds budget by factor of ${times} (${advice})`;
}

/** Where a node stands. */
interface Place {
  readonly path: string;
  /** How many values it can have in one object; undefined when nothing bounds them. */
  readonly bound: number | undefined;
  /** The list above it whose items can't be found in the state before; empty without one. */
  readonly lostIn: string;
}

function walk(schema: Schema, { path, bound, lostIn }: Place, found: Found, root = false): void {
  const { causes, costs } = found;
  schema['x-kubernetes-validations']?.forEach((rule, i) => {
    const here = `${path}.x-kubernetes-validations[${i}]`;
    causes.push(...wordFaults(rule, schema, here));
    if (rule.rule.trim() === '') return;
    const compiled = compileRule(rule.rule);
    const fault = compiled.ok ? typeFault(rule.rule, rule, schema, root) : compiled.fault;
    if (fault !== undefined || !compiled.ok) {
      causes.push(
        ruleFault(`${here}.rule`, rule, fault === NO_BOOL ? fault : `compilation failed: ${fault}`),
      );
    } else {
      const cost =
        cardinality(schema, bound) *
        estimateCost(compiled.value.run.ast, root ? withMetadata(schema) : schema);
      costs.push({ path: here, cost });
      if (cost > RULE_BUDGET) {
        causes.push(fieldForbidden(`${here}.rule`, `estimated rule cost ${excess(cost / RULE_BUDGET)}`));
      }
    }
    if (lostIn !== '' && /\boldSelf\b/.test(rule.rule)) {
      const what = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${lostIn}`;
      causes.push(fieldInvalid(`${here}.rule`, rule.rule, what));
    }
    if (rule.messageExpression === undefined) return;
    const message = compileRule(rule.messageExpression);
    const why = message.ok
      ? typeFault(rule.messageExpression, rule, schema, root, 'string')
      : `messageExpression compilation failed: ${message.fault}`;
    if (why !== undefined) causes.push(ruleFault(`${here}.messageExpression`, rule, why));
  });
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    walk(child, { path: `${path}.properties[${name}]`, bound, lostIn }, found);
  }
  const inner = boundInside(schema, bound);
  if (typeof schema.additionalProperties === 'object') {
    walk(schema.additionalProperties, { path: `${path}.additionalProperties`, bound: inner, lostIn }, found);
  }
  if (schema.items === undefined) return;
  const lost = schema['x-kubernetes-list-type'] === 'map' ? lostIn : lostIn || path;
  walk(schema.items, { path: `${path}.items`, bound: inner, lostIn: lost }, found);
}

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** What is wrong with a rule besides its expressions. */
function wordFaults(rule: ValidationRule, schema: Schema, here: string): readonly Cause[] {
  const { message, reason, fieldPath } = rule;
  const causes: Cause[] = [];
  if (rule.rule.trim() === '') causes.push(fieldRequired(`${here}.rule`, 'rule is not specified'));
  if (message !== undefined && message.trim() === '')
    causes.push(fieldInvalid(`${here}.message`, message, 'must be non-empty if specified'));
  else if (message?.includes('\n'))
    causes.push(fieldInvalid(`${here}.message`, message, 'must not contain line breaks'));
  if (reason !== undefined && !REASONS.includes(reason))
    causes.push(fieldUnsupported(`${here}.reason`, reason, REASONS));
  if (fieldPath !== undefined && !leadsSomewhere(schema, fieldPath))
    causes.push(fieldInvalid(`${here}.fieldPath`, fieldPath, 'must be a valid path'));
  return causes;
}

function leadsSomewhere(schema: Schema, path: string): boolean {
  let here: Schema | undefined = schema;
  for (const step of path
    .replace(/\['([^']*)'\]/g, '.$1')
    .split('.')
    .slice(1))
    here = fieldSchema(here, step);
  return here !== undefined && path.startsWith('.');
}

/** A fault of an expression; the real server shows the rule as the Go value that it is. */
function ruleFault(field: string, rule: ValidationRule, why: string): Cause {
  const {
    message = '',
    messageExpression = '',
    reason = null,
    fieldPath = '',
    optionalOldSelf = null,
  } = rule;
  const shown = {
    Rule: rule.rule,
    Message: message,
    MessageExpression: messageExpression,
    Reason: reason,
    FieldPath: fieldPath,
    OptionalOldSelf: optionalOldSelf,
  };
  const cause = fieldInvalid(field, shown, why);
  return { ...cause, message: cause.message.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e') };
}

/** The root of an object has a name and a kind, whatever its schema says of them. */
function withMetadata(schema: Schema): Schema {
  const text: Schema = { type: 'string' };
  const metadata: Schema = { type: 'object', properties: { name: text, generateName: text } };
  return { ...schema, properties: { ...schema.properties, apiVersion: text, kind: text, metadata } };
}
