import { at, isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { schemaAt } from '../schema/definition-check.ts';
import type { Schema } from '../schema/schema.ts';
import type { FieldReader } from '../select/field-selector.ts';
import { objectMeta } from './common-schema.ts';
import { printerColumn } from './json-path.ts';
import { AGE_COLUMN, type Column, type Kind, metadataFields, NAME_COLUMN } from './kind.ts';

/** Whether a definition has this condition at True. */
export function hasCondition(definition: KubeObject, type: string): boolean {
  return listAt(definition, 'status', 'conditions').some(
    condition => textAt(condition, 'type') === type && textAt(condition, 'status') === 'True',
  );
}

/** The kinds that an established definition serves, one per served version. */
export function kindsOf(definition: KubeObject): readonly Kind[] {
  if (!hasCondition(definition, 'Established')) return [];
  const spec = objectAt(definition, 'spec');
  const names = objectAt(spec, 'names');
  const [group, plural] = [textAt(spec, 'group'), textAt(names, 'plural')];
  const namespaced = textAt(spec, 'scope') === 'Namespaced';
  const stored = listAt(spec, 'versions').find(version => at(version, 'storage') === true) ?? null;
  return listAt(spec, 'versions')
    .filter(version => at(version, 'served') === true)
    .map(version => {
      const own = objectAt(version, 'schema', 'openAPIV3Schema') as Schema;
      const schema: Schema = {
        ...own,
        properties: {
          ...own.properties,
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: withNameRule(own.properties?.['metadata']),
        },
      };
      const hasStatus = isObject(at(version, 'subresources', 'status'));
      return {
        group,
        version: textAt(version, 'name'),
        kind: textAt(names, 'kind'),
        listKind: textAt(names, 'listKind'),
        plural,
        singular: textAt(names, 'singular'),
        shortNames: listAt(names, 'shortNames').map(String),
        categories: listAt(names, 'categories').map(String),
        namespaced,
        storage: `${group}/${plural}`,
        builtIn: false,
        schema,
        columns: columnsOf(version),
        hasStatus,
        hasGeneration: true,
        selectable: new Map([...metadataFields(namespaced), ...selectableOf(version, own)]),
        nameRule: 'subdomain',
        subresources: [],
        ...(stored !== version && {
          storageVersion: textAt(stored, 'name'),
          storageSchema: objectAt(stored, 'schema', 'openAPIV3Schema') as Schema,
        }),
        ...(at(version, 'deprecated') === true && { warning: [deprecationOf(group, version, names)] }),
        strategy: hasStatus
          ? {
              create: ({ status: _status, ...rest }: KubeObject) => ({
                ...rest,
                metadata: rest.metadata as KubeObject['metadata'],
              }),
            }
          : {},
      } satisfies Kind;
    });
}

function deprecationOf(group: string, version: Json, names: JsonObject): string {
  const own = textAt(version, 'deprecationWarning');
  return own === '' ? `${group}/${textAt(version, 'name')} ${textAt(names, 'kind')} is deprecated` : own;
}

/** A definition may restrict names, and nothing else of metadata (CRD docs, "Specifying a structural schema"). */
function withNameRule(metadata: Schema | undefined): Schema {
  const { name, generateName } = metadata?.properties ?? {};
  if (name === undefined && generateName === undefined) return objectMeta;
  const properties = {
    ...objectMeta.properties,
    ...(name === undefined ? {} : { name }),
    ...(generateName === undefined ? {} : { generateName }),
  };
  return { ...objectMeta, properties };
}

/** Without columns of its own a kind shows its age. */
function columnsOf(version: Json): readonly Column[] {
  const own = listAt(version, 'additionalPrinterColumns').map(printerColumn);
  return own.length === 0 ? [NAME_COLUMN, { ...AGE_COLUMN, type: 'date' }] : [NAME_COLUMN, ...own];
}

function selectableOf(version: Json, schema: Schema): readonly (readonly [string, FieldReader])[] {
  return listAt(version, 'selectableFields').flatMap(item => {
    const jsonPath = textAt(item, 'jsonPath');
    if (schemaAt(schema, jsonPath) === undefined) return [];
    const path = jsonPath.split('.').slice(1);
    return [[path.join('.'), (object: KubeObject) => String(at(object, ...path) ?? '')] as const];
  });
}
