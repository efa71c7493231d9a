import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldUnsupported,
} from '../field-error.ts';
import { at, type JsonObject, listAt, objectAt, sameJson, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import type { Cause } from '../status.ts';
import type { Schema } from './schema.ts';
import { checkStructural } from './structural-check.ts';

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

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
  if (plural === '') causes.push(fieldRequired('spec.names.plural'));
  else if (!NAME.test(plural))
    causes.push(fieldInvalid('spec.names.plural', plural, 'must be a DNS-1035 label'));
  if (textAt(spec, 'names', 'kind') === '') causes.push(fieldRequired('spec.names.kind'));
  const scope = textAt(spec, 'scope');
  if (scope === '') causes.push(fieldRequired('spec.scope'));
  else if (scope !== 'Namespaced' && scope !== 'Cluster') {
    causes.push(fieldUnsupported('spec.scope', scope, ['Cluster', 'Namespaced']));
  }
  if (versions.filter(version => at(version, 'storage') === true).length !== 1) {
    causes.push(
      fieldInvalid('spec.versions', versions, 'must have exactly one version marked as storage version'),
    );
  }
  if (spec['preserveUnknownFields'] === true) {
    causes.push(
      fieldInvalid(
        'spec.preserveUnknownFields',
        true,
        'must be false in order to use defaults in the schema',
      ),
    );
  }
  const seen = new Set<string>();
  // The real server hoists what all versions share to the top of spec, and its field names follow.
  const schemaOf = (version: unknown) => objectAt(version as JsonObject, 'schema', 'openAPIV3Schema');
  const same = (field: 'schema' | 'selectableFields') =>
    versions.every(version => sameJson(at(version, field), at(versions[0], field)));
  versions.forEach((version, i) => {
    const path = `spec.versions[${i}]`;
    const name = textAt(version, 'name');
    if (seen.has(name)) causes.push(fieldDuplicate(`${path}.name`, name));
    seen.add(name);
    const schema = schemaOf(version);
    const shared = same('schema') ? 'spec.validation.openAPIV3Schema' : `${path}.schema.openAPIV3Schema`;
    if (!(same('schema') && i > 0)) {
      if (Object.keys(schema).length === 0)
        causes.push(fieldRequired(shared.replace(/\.openAPIV3Schema$/, ''), 'schemas are required'));
      else causes.push(...checkStructural(schema as Schema, shared));
    }
    const fields = same('selectableFields') ? 'spec.selectableFields' : `${path}.selectableFields`;
    if (same('selectableFields') && i > 0) return;
    causes.push(...checkSelectable(version, schema as Schema, fields));
  });
  return causes;
}

function checkSelectable(version: unknown, schema: Schema, path: string): readonly Cause[] {
  return listAt(version as JsonObject, 'selectableFields').flatMap((item, i) => {
    const jsonPath = textAt(item, 'jsonPath');
    const found = schemaAt(schema, jsonPath);
    const field = `${path}[${i}].jsonPath`;
    if (found === undefined)
      return [fieldInvalid(field, jsonPath, 'is an invalid path: does not refer to a valid field')];
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
