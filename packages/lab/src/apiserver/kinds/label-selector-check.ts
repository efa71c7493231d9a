import { fieldForbidden, fieldInvalid, fieldRequired } from '../field-error.ts';
import { at, isObject, type Json, listAt, objectAt, textAt } from '../json.ts';
import type { Cause } from '../status.ts';
import { labelValueFaults, qualifiedNameFaults } from './name.ts';

/** Breaches of a LabelSelector v1 meta at `field`. */
export function checkLabelSelector(selector: Json | undefined, field: string): readonly Cause[] {
  if (!isObject(selector)) return [];
  const causes: Cause[] = [];
  const refuse = (path: string, value: Json, faults: readonly string[]) => {
    for (const fault of faults) causes.push(fieldInvalid(path, value, fault));
  };
  for (const [key, value] of Object.entries(objectAt(selector, 'matchLabels'))) {
    refuse(`${field}.matchLabels`, key, qualifiedNameFaults(key));
    if (typeof value === 'string') refuse(`${field}.matchLabels`, value, labelValueFaults(value));
  }
  listAt(selector, 'matchExpressions').forEach((expression, i) => {
    const path = `${field}.matchExpressions[${i}]`;
    const values = listAt(expression, 'values');
    const operator = textAt(expression, 'operator');
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) {
        causes.push(fieldRequired(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) {
        causes.push(
          fieldForbidden(
            `${path}.values`,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        );
      }
    } else
      causes.push(
        fieldInvalid(`${path}.operator`, at(expression, 'operator'), 'not a valid selector operator'),
      );
    refuse(`${path}.key`, textAt(expression, 'key'), qualifiedNameFaults(textAt(expression, 'key')));
    values.forEach((value, j) => {
      if (typeof value === 'string') refuse(`${path}.values[${j}]`, value, labelValueFaults(value));
    });
  });
  return causes;
}

/** A LabelSelector v1 meta as `kubectl` prints it; `<none>` when it selects everything. */
export function labelSelectorText(selector: Json | undefined): string {
  const labels = Object.entries(objectAt(selector, 'matchLabels')).map(
    ([key, value]) => `${key}=${String(value)}`,
  );
  const words: Readonly<Record<string, string>> = { In: 'in', NotIn: 'notin' };
  const expressions = listAt(selector, 'matchExpressions').map(expression => {
    const [key, operator] = [textAt(expression, 'key'), textAt(expression, 'operator')];
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${words[operator] ?? operator} (${listAt(expression, 'values').join(',')})`;
  });
  const all = [...labels.sort(), ...expressions.sort()];
  return all.length === 0 ? '<none>' : all.join(',');
}
