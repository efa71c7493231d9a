import { fieldForbidden, fieldInvalid } from '../field-error.ts';
import type { Cause } from '../status.ts';
import { compileRule } from './cel.ts';
import { DEFINITION_BUDGET, estimateCost, mostElements, RULE_BUDGET } from './cel-cost.ts';
import { typeFault } from './cel-types.ts';
import type { Schema } from './schema.ts';

/** Breaches of x-kubernetes-validations: every rule must be CEL, say something sensible, and be cheap enough. */
export function checkRules(schema: Schema, path: string): readonly Cause[] {
  const causes: Cause[] = [];
  const total = walk(schema, path, 1, causes, true);
  if (total > DEFINITION_BUDGET) {
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    causes.push(fieldForbidden(path, `${what} ${excess(total / DEFINITION_BUDGET)}`));
  }
  return causes;
}

function excess(factor: number): string {
  const times = factor > 100 ? 'more than 100x' : `${factor.toFixed(1)}x`;
  const advice =
    'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';
  return `exceeds budget by factor of ${times} (${advice})`;
}

/** @param count how many values the schema node can have in one object. Returns the cost of all rules below. */
function walk(schema: Schema, path: string, count: number, causes: Cause[], root = false): number {
  let total = 0;
  schema['x-kubernetes-validations']?.forEach((rule, i) => {
    const here = `${path}.x-kubernetes-validations[${i}]`;
    const compiled = compileRule(rule.rule);
    const fault = compiled.ok ? typeFault(rule.rule, rule, schema, root) : compiled.fault;
    if (fault !== undefined || !compiled.ok) {
      causes.push(fieldInvalid(`${here}.rule`, { rule: rule.rule }, `compilation failed: ${fault}`));
    } else {
      const cost = count * estimateCost(compiled.value.run.ast, schema);
      total += cost;
      if (cost > RULE_BUDGET) {
        causes.push(fieldForbidden(`${here}.rule`, `estimated rule cost ${excess(cost / RULE_BUDGET)}`));
      }
    }
    if (rule.message?.includes('\n')) {
      causes.push(fieldInvalid(`${here}.message`, rule.message, 'message must not contain line breaks'));
    }
    if (rule.messageExpression === undefined) return;
    const message = compileRule(rule.messageExpression);
    if (!message.ok) {
      const why = `messageExpression compilation failed: ${message.fault}`;
      causes.push(
        fieldInvalid(`${here}.messageExpression`, { messageExpression: rule.messageExpression }, why),
      );
    }
  });
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    total += walk(child, `${path}.properties[${name}]`, count, causes);
  }
  const inner = count * mostElements(schema);
  if (typeof schema.additionalProperties === 'object') {
    total += walk(schema.additionalProperties, `${path}.additionalProperties`, inner, causes);
  }
  if (schema.items !== undefined) total += walk(schema.items, `${path}.items`, inner, causes);
  return total;
}
