import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Any } from '../question.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Muslin's CustomResourceDefinitions as people apply them: the files in crds/. */
export const DEFINITIONS: readonly Any[] = globSync('crds/*.yaml', { cwd: root })
  .sort()
  .map(file => parse(readFileSync(`${root}${file}`, 'utf8')));

/** The path of a kind's objects; `namespace` only matters for kinds that live in one. */
export function pathOf(definition: Any, namespace = 'default'): string {
  const { group, names, scope, versions } = definition.spec;
  const place = scope === 'Namespaced' ? `/namespaces/${namespace}` : '';
  return `/apis/${group}/${versions[0].name}${place}/${names.plural}`;
}

/** An object of a kind, to which the rest is added. */
export function headOf(definition: Any, name: string): Any {
  const { group, names, scope, versions } = definition.spec;
  return {
    apiVersion: `${group}/${versions[0].name}`,
    kind: names.kind,
    metadata: { name, ...(scope === 'Namespaced' && { namespace: 'default' }) },
  };
}

export function definitionOf(kind: string): Any {
  const found = DEFINITIONS.find(definition => definition.spec.names.kind === kind);
  if (found === undefined) throw new Error(`No definition of ${kind}.`);
  return found;
}
