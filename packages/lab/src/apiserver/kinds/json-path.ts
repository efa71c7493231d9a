import { isList, isObject, type Json, textAt, at } from '../json.ts';
import { ageText, type Column } from './kind.ts';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: readonly string[]; readonly value: string };

const STEP =
  /\.([^.[\]*?()'"\s]+)|\[(-?\d+)\]|\[(\*)\]|\.(\*)|\['((?:[^'\\]|\\.)*)'\]|\[\?\(\s*@((?:\.[\w-]+)+)\s*==\s*(?:"([^"]*)"|'([^']*)'|(\w+))\s*\)\]/y;

/** Parses the simple JSONPath of printer columns: fields, indexes, `[*]` and `[?(@.a=="b")]`. */
export function parseJsonPath(text: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  // A dot inside a field name is written `\.`.
  const source = text.replace(/^\{|\}$/g, '').replaceAll('\\.', '\u0001');
  STEP.lastIndex = 0;
  while (STEP.lastIndex < source.length) {
    const match = STEP.exec(source);
    if (match === null) return undefined;
    const [, name, index, all, dotAll, quoted, path, double, single, bare] = match;
    if (name !== undefined || quoted !== undefined) {
      steps.push({ kind: 'field', name: (name ?? (quoted as string)).replaceAll('\u0001', '.') });
    } else if (index !== undefined) steps.push({ kind: 'index', index: Number(index) });
    else if (all !== undefined || dotAll !== undefined) steps.push({ kind: 'all' });
    else if (path !== undefined) {
      steps.push({ kind: 'filter', path: path.split('.').slice(1), value: double ?? single ?? bare ?? '' });
    }
  }
  return steps;
}

/** All values that the path finds, in order. */
export function findAll(value: Json, steps: readonly Step[]): readonly Json[] {
  let here: readonly Json[] = [value];
  for (const step of steps) {
    here = here.flatMap(node => {
      switch (step.kind) {
        case 'field': {
          const found = isObject(node) ? node[step.name] : undefined;
          return found === undefined ? [] : [found];
        }
        case 'index': {
          const found = isList(node) ? node.at(step.index) : undefined;
          return found === undefined ? [] : [found];
        }
        case 'all':
          return isList(node)
            ? node
            : isObject(node)
              ? Object.values(node).filter(item => item !== undefined)
              : [];
        case 'filter':
          return isList(node) ? node.filter(item => String(at(item, ...step.path)) === step.value) : [];
        default:
          return step satisfies never;
      }
    });
  }
  return here;
}

/** A column from a definition's additionalPrinterColumns. */
export function printerColumn(definition: Json): Column {
  const type = textAt(definition, 'type');
  const steps = parseJsonPath(textAt(definition, 'jsonPath'));
  const [format, description, priority] = [
    textAt(definition, 'format'),
    textAt(definition, 'description'),
    at(definition, 'priority'),
  ];
  return {
    name: textAt(definition, 'name'),
    type: type as Column['type'],
    ...(format === '' ? {} : { format }),
    description:
      description === ''
        ? `Custom resource definition column (in JSONPath format): ${textAt(definition, 'jsonPath')}`
        : description,
    ...(typeof priority === 'number' ? { priority } : {}),
    read(object, now) {
      const found = steps === undefined ? [] : findAll(object, steps);
      const first = found[0];
      if (first === undefined || first === null) return null;
      if (type === 'date') return ageText(String(first), now);
      if (type === 'integer' || type === 'number') return typeof first === 'number' ? first : null;
      if (type === 'boolean') return typeof first === 'boolean' ? first : null;
      return found.length === 1 && typeof first === 'string' ? first : found.map(show).join(',');
    },
  };
}

function show(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
