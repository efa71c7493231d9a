import { fieldForbidden, fieldInvalid } from '../field-error.ts';
import type { Kind } from '../kinds/kind.ts';
import { checkName, checkStem, labelValueFaults, qualifiedNameFaults } from '../kinds/name.ts';
import type { KubeObject } from '../kube-object.ts';
import type { Cause } from '../status.ts';

const FINALIZERS = new Set(['foregroundDeletion', 'orphan', 'kubernetes']);
const ANNOTATION_LIMIT = 256 * 1024;

/** Breaches of ObjectMeta rules. */
export function checkMetadata(object: KubeObject, kind: Kind): readonly Cause[] {
  const {
    name = '',
    generateName = '',
    labels = {},
    annotations = {},
    ownerReferences = [],
    finalizers = [],
  } = object.metadata;
  const causes: Cause[] = [
    ...checkStem(generateName, kind.nameRule, 'metadata.generateName'),
    ...checkName(name, kind.nameRule, 'metadata.name'),
  ];
  for (const [key, value] of Object.entries(labels)) {
    for (const fault of qualifiedNameFaults(key)) causes.push(fieldInvalid('metadata.labels', key, fault));
    for (const fault of labelValueFaults(value)) causes.push(fieldInvalid('metadata.labels', value, fault));
  }
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    for (const fault of qualifiedNameFaults(key.toLowerCase()))
      causes.push(fieldInvalid('metadata.annotations', key, fault));
    size += key.length + value.length;
  }
  if (size > ANNOTATION_LIMIT) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${ANNOTATION_LIMIT} bytes`,
      field: 'metadata.annotations',
    });
  }
  const owners = 'metadata.ownerReferences';
  for (const owner of ownerReferences) {
    const parts = (owner.apiVersion ?? '').split('/');
    if (parts.length > 2 || parts.at(-1) === '')
      causes.push(fieldInvalid(`${owners}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
    for (const field of ['kind', 'name', 'uid'] as const)
      if (!owner[field]) causes.push(fieldInvalid(`${owners}.${field}`, '', 'must not be empty'));
    if (owner.apiVersion === 'v1' && owner.kind === 'Event')
      causes.push(fieldInvalid(owners, owner, '/v1, Kind=Event is disallowed from being an owner'));
  }
  const controllers = ownerReferences.filter(owner => owner.controller === true);
  if (controllers.length > 1) {
    const [first, second] = controllers.map(owner => `${owner.kind}/${owner.name}`);
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${first} and ${second}`;
    causes.push(fieldInvalid('metadata.ownerReferences', ownerReferences, why));
  }
  finalizers.forEach((finalizer, i) => {
    const bare = !finalizer.includes('/') && !finalizer.includes('.') && !FINALIZERS.has(finalizer);
    const faults = qualifiedNameFaults(finalizer);
    for (const fault of faults) causes.push(fieldInvalid('metadata.finalizers', finalizer, fault));
    if (bare && kind.builtIn && faults.length === 0) {
      causes.push(
        fieldInvalid(
          `metadata.finalizers[${i}]`,
          finalizer,
          'name is neither a standard finalizer name nor is it fully qualified',
        ),
      );
    }
  });
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const why = 'finalizer orphan and foregroundDeletion cannot be both set';
    causes.push(fieldInvalid('metadata.finalizers', finalizers, why));
  }
  return causes;
}

/** Breaches of what an update may do to metadata. `given`: as the client sent it; `next`: as it would be stored. */
export function checkMetadataUpdate(given: KubeObject, next: KubeObject, old: KubeObject): readonly Cause[] {
  const { deletionTimestamp } = given.metadata;
  const causes: Cause[] = [];
  if (deletionTimestamp !== undefined && deletionTimestamp !== old.metadata.deletionTimestamp)
    causes.push(fieldInvalid('metadata.deletionTimestamp', deletionTimestamp, 'field is immutable'));
  if (old.metadata.deletionTimestamp === undefined) return causes;
  const before = new Set(old.metadata.finalizers ?? []);
  const added = (next.metadata.finalizers ?? []).filter(finalizer => !before.has(finalizer));
  if (added.length === 0) return causes;
  const list = `[]string{${added.map(text => JSON.stringify(text)).join(', ')}}`;
  const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
  return [...causes, fieldForbidden('metadata.finalizers', why)];
}

/** What custom kinds are told of new finalizers that others may want as well. */
export function finalizerWarnings(
  next: KubeObject,
  old: KubeObject | undefined,
  kind: Kind,
): readonly string[] {
  if (kind.builtIn) return [];
  const before = new Set(old?.metadata.finalizers ?? []);
  const added = (next.metadata.finalizers ?? []).filter(finalizer => !before.has(finalizer)).sort();
  return added.flatMap(finalizer => {
    const say = (why: string) => `metadata.finalizers: ${JSON.stringify(finalizer)}: ${why}`;
    const faults = qualifiedNameFaults(finalizer).map(say);
    if (finalizer.includes('/') || FINALIZERS.has(finalizer)) return faults;
    const path = finalizer.includes('.') ? ' including a path (/)' : '';
    return [
      ...faults,
      say(
        `prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
      ),
    ];
  });
}
