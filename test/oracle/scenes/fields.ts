import type { Any, Question, Scene } from '../question.ts';
import { DEFINITIONS, headOf, pathOf } from './definitions.ts';
import { mutationsOf, type Spot, sample, spotsBelow } from './mutations.ts';

/** Kinds of which only some names are taken. */
const NAMES: Readonly<Record<string, string>> = {
  BGPConfiguration: 'default',
  ClusterInformation: 'default',
  FelixConfiguration: 'default',
  IPAMConfiguration: 'default',
  KubeControllersConfiguration: 'default',
};

/**
 * Every field of every kind: right, null, of another type, out of its enum and bounds, without what it needs. A field of the
 * same name and shape below one of the same name is asked about once, however many kinds and lists share it.
 */
export function fieldScenes(): readonly Scene[] {
  const asked = new Set<string>();
  return DEFINITIONS.map(definition => ({
    name: `fields-${definition.spec.names.singular}`,
    questions: [...questionsOf(definition, asked)],
  }));
}

function* questionsOf(definition: Any, asked: Set<string>): IterableIterator<Question> {
  const { kind } = definition.spec.names;
  const head = headOf(definition, NAMES[kind] ?? 'x');
  const schema = definition.spec.versions[0].schema.openAPIV3Schema;
  for (const part of ['spec', 'status']) {
    if (schema.properties[part] === undefined) continue;
    if (part === 'status' && definition.spec.versions[0].subresources?.status !== undefined) continue;
    const rest = part === 'spec' ? {} : { spec: sample(schema.properties.spec ?? { type: 'object' }) };
    const top: Spot = {
      path: part,
      schema: schema.properties[part],
      put: value => ({ ...head, ...rest, [part]: value }),
    };
    for (const spot of spotsBelow(top)) {
      for (const { what, value } of mutationsOf(spot.schema)) {
        const { description: _, ...shape } = spot.schema;
        const place = spot.path
          .split('.')
          .slice(-2)
          .join('.')
          .replace(/V[46]\b/, '');
        const key = JSON.stringify([place, shape, what, value]);
        if (asked.has(key) && spot.path !== part) continue;
        asked.add(key);
        yield {
          say: `${spot.path}: ${what}`,
          method: 'POST',
          path: `${pathOf(definition)}?dryRun=All&fieldValidation=Strict`,
          body: spot.put(value),
          brief: true,
        };
      }
    }
  }
}
