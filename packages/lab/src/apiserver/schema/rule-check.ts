import { fieldInvalid } from '../field-error.ts';
import type { Cause } from '../status.ts';
import { compileRule } from './cel.ts';
import type { Schema } from './schema.ts';

/** Breaches of x-kubernetes-validations in a schema: every rule must be CEL, and say something when it fails. */
export function checkRules(schema: Schema, path: string): readonly Cause[] {
  const causes: Cause[] = [];
  schema['x-kubernetes-validations']?.forEach((rule, i) => {
    const here = `${path}.x-kubernetes-validations[${i}]`;
    const compiled = compileRule(rule.rule);
    if (!compiled.ok)
      causes.push(fieldInvalid(`${here}.rule`, { rule: rule.rule }, `compilation failed: ${compiled.fault}`));
    if (rule.message?.includes('\n')) {
      causes.push(fieldInvalid(`${here}.message`, rule.message, 'message must not contain line breaks'));
    }
    if (rule.messageExpression !== undefined) {
      const message = compileRule(rule.messageExpression);
      if (!message.ok) {
        causes.push(
          fieldInvalid(
            `${here}.messageExpression`,
            { messageExpression: rule.messageExpression },
            `messageExpression compilation failed: ${message.fault}`,
          ),
        );
      }
    }
  });
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    causes.push(...checkRules(child, `${path}.properties[${name}]`));
  }
  if (typeof schema.additionalProperties === 'object') {
    causes.push(...checkRules(schema.additionalProperties, `${path}.additionalProperties`));
  }
  if (schema.items !== undefined) causes.push(...checkRules(schema.items, `${path}.items`));
  return causes;
}
