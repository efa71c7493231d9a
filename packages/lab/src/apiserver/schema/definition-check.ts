import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldUnsupported,
} from '../field-error.ts';
import { at, type Json, type JsonObject, listAt, objectAt, sameJson, textAt } from '../json.ts';
import { nameFault } from '../kinds/name.ts';
import type { KubeObject } from '../kube-object.ts';
import type { Cause } from '../status.ts';
import type { Schema } from './schema.ts';
import { checkStructural } from './structural-check.ts';

/** Breaches of a CustomResourceDefinition beyond the types of its fields. */
export function checkDefinition(definition: KubeObject): readonly Cause[] {
  const spec = objectAt(definition, 'spec');
  const [group, plural] = [textAt(spec, 'group'), textAt(spec, 'names', 'plural')];
  const versions = listAt(spec, 'versions');
  const causes: Cause[] = [];
  const expected = `${plural}.${group}`;
  if (definition.metadata.name !== expected) {
    causes.push(
      fieldInvalid('metadata.name', definition.metadata.name, 'must be spec.names.plural+"."+spec.group'),
    );
  }
  if (group === '') causes.push(fieldRequired('spec.group'));
  else if (!group.includes('.'))
    causes.push(fieldInvalid('spec.group', group, 'should be a domain with at least one dot'));
  causes.push(...checkNames(objectAt(spec, 'names')));
  if (
    /(^|\.)(k8s|kubernetes)\.io$/.test(group) &&
    definition.metadata.annotations?.[APPROVED] === undefined
  ) {
    const why = `protected groups must have approval annotation "${APPROVED}", see https://github.com/kubernetes/enhancements/pull/1111`;
    causes.push(fieldRequired(`metadata.annotations[${APPROVED}]`, why));
  }
  const scope = textAt(spec, 'scope');
  if (scope === '') causes.push(fieldRequired('spec.scope'));
  else if (scope !== 'Namespaced' && scope !== 'Cluster') {
    causes.push(fieldUnsupported('spec.scope', scope, ['Cluster', 'Namespaced']));
  }
  causes.push(...checkVersions(versions));
  if (spec['preserveUnknownFields'] === true) {
    causes.push(
      fieldInvalid(
        'spec.preserveUnknownFields',
        true,
        'must be false in order to use defaults in the schema',
      ),
    );
  }
  // The real server hoists what all versions share to the top of spec, and its field names follow.
  const schemaOf = (version: unknown) => objectAt(version as JsonObject, 'schema', 'openAPIV3Schema');
  const same = (field: 'schema' | 'selectableFields' | 'additionalPrinterColumns') =>
    versions.every(version => sameJson(at(version, field), at(versions[0], field)));
  versions.forEach((version, i) => {
    const path = `spec.versions[${i}]`;
    const schema = schemaOf(version);
    const shared = same('schema') ? 'spec.validation.openAPIV3Schema' : `${path}.schema.openAPIV3Schema`;
    if (!(same('schema') && i > 0)) {
      if (Object.keys(schema).length === 0) causes.push(fieldRequired(`${path}.schema.openAPIV3Schema`));
      else causes.push(...checkStructural(schema as Schema, shared));
    }
    const fields = same('selectableFields') ? 'spec.selectableFields' : `${path}.selectableFields`;
    if (!(same('selectableFields') && i > 0))
      causes.push(...checkSelectable(version, schema as Schema, fields));
    const columns = 'additionalPrinterColumns';
    if (!(same(columns) && i > 0))
      causes.push(...checkColumns(version, same(columns) ? `spec.${columns}` : `${path}.${columns}`));
  });
  return causes;
}

const APPROVED = 'api-approved.kubernetes.io';

/** CustomResourceDefinitionNames apiextensions/v1, with the defaults of what is left out. */
function checkNames(names: JsonObject): readonly Cause[] {
  const kind = textAt(names, 'kind');
  const label = (field: string, name: string, before = '') => {
    if (name === '') return [fieldRequired(`spec.names.${field}`)];
    const fault = nameFault(before === '' ? name : name.toLowerCase(), 'label1035');
    return fault === undefined ? [] : [fieldInvalid(`spec.names.${field}`, name, `${before}${fault}`)];
  };
  const mixed = 'may have mixed case, but should otherwise match: ';
  return [
    ...label('plural', textAt(names, 'plural')),
    ...label('singular', textAt(names, 'singular') || kind.toLowerCase()),
    ...label('kind', kind, mixed),
    ...label('listKind', textAt(names, 'listKind') || (kind === '' ? '' : `${kind}List`), mixed),
    ...listAt(names, 'shortNames').flatMap((name, i) => label(`shortNames[${i}]`, String(name))),
  ];
}

function checkVersions(versions: readonly Json[]): readonly Cause[] {
  const causes: Cause[] = [];
  // What all versions share is hoisted, and shown at its place there.
  const shown = versions.map(version => ({
    Name: textAt(version, 'name'),
    Served: at(version, 'served') === true,
    Storage: at(version, 'storage') === true,
    Deprecated: at(version, 'deprecated') === true,
    DeprecationWarning: at(version, 'deprecationWarning') ?? null,
    Schema: null,
    Subresources: null,
    AdditionalPrinterColumns: null,
    SelectableFields: null,
  }));
  const stored = shown.filter(({ Storage }) => Storage).map(({ Name }) => Name);
  if (stored.length !== 1) {
    const why = 'must have exactly one version marked as storage version';
    causes.push(fieldInvalid('spec.versions', shown, why));
  }
  if (stored.length === 0)
    causes.push(fieldInvalid('status.storedVersions', null, 'must have at least one stored version'));
  if (stored.length > 1)
    causes.push(
      fieldInvalid(
        'status.storedVersions',
        stored.slice(0, 1),
        `must have the storage version ${stored.at(-1)}`,
      ),
    );
  if (new Set(shown.map(({ Name }) => Name)).size < shown.length)
    causes.push(fieldInvalid('spec.versions', shown, 'must contain unique version names'));
  shown.forEach(({ Name }, i) => {
    const fault = nameFault(Name, 'label1035');
    if (fault === undefined) return;
    causes.push(fieldInvalid(`spec.versions[${i}].name`, Name, fault));
    if (i === 0) causes.push(fieldInvalid('spec.version', Name, fault));
  });
  return causes;
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];

function checkColumns(version: Json, path: string): readonly Cause[] {
  return listAt(version, 'additionalPrinterColumns').flatMap((column, i) => {
    const here = `${path}[${i}]`;
    const [name, type, jsonPath] = [
      textAt(column, 'name'),
      textAt(column, 'type'),
      textAt(column, 'jsonPath'),
    ];
    return [
      ...(name === '' ? [fieldRequired(`${here}.name`)] : []),
      ...(type === '' ? [fieldRequired(`${here}.type`)] : []),
      ...(type === '' || COLUMN_TYPES.includes(type)
        ? []
        : [fieldInvalid(`${here}.type`, type, `must be one of ${COLUMN_TYPES.join(',')}`)]),
      ...(jsonPath === '' ? [fieldRequired(`${here}.JSONPath`)] : []),
      ...(jsonPath === '' || jsonPath.startsWith('.')
        ? []
        : [fieldInvalid(`${here}.JSONPath`, jsonPath, 'must be a simple json path starting with .')]),
    ];
  });
}

function checkSelectable(version: unknown, schema: Schema, path: string): readonly Cause[] {
  const seen = new Set<string>();
  return listAt(version as JsonObject, 'selectableFields').flatMap((item, i) => {
    const jsonPath = textAt(item, 'jsonPath');
    const found = schemaAt(schema, jsonPath);
    const field = `${path}[${i}].jsonPath`;
    if (found === undefined)
      return [fieldInvalid(field, jsonPath, 'is an invalid path: does not refer to a valid field')];
    if (seen.has(jsonPath)) return [fieldDuplicate(field, jsonPath)];
    seen.add(jsonPath);
    const good = found.type === 'string' || found.type === 'boolean' || found.type === 'integer';
    return good ? [] : [fieldForbidden(field, 'must point to a field of type string, boolean or integer')];
  });
}

/** The schema of a simple path such as `.spec.tier`. */
export function schemaAt(schema: Schema, jsonPath: string): Schema | undefined {
  let here: Schema | undefined = schema;
  for (const step of jsonPath.split('.').slice(1)) here = here?.properties?.[step];
  return here;
}
