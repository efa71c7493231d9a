import { fieldForbidden, fieldInvalid, fieldRequired } from '../field-error.ts';
import type { Kind } from '../kinds/kind.ts';
import { checkName, labelValueFault, qualifiedNameFault } from '../kinds/name.ts';
import type { KubeObject } from '../kube-object.ts';
import type { Cause } from '../status.ts';

const FINALIZERS = new Set(['foregroundDeletion', 'orphan', 'kubernetes']);
const ANNOTATION_LIMIT = 256 * 1024;

/** Breaches of ObjectMeta rules. */
export function checkMetadata(object: KubeObject, kind: Kind): readonly Cause[] {
  const { name = '', labels = {}, annotations = {}, ownerReferences = [], finalizers = [] } = object.metadata;
  const causes: Cause[] = [...checkName(name, kind.nameRule, 'metadata.name')];
  for (const [key, value] of Object.entries(labels)) {
    const fault = qualifiedNameFault(key);
    if (fault !== undefined) causes.push(fieldInvalid('metadata.labels', key, fault));
    const valueFault = labelValueFault(value);
    if (valueFault !== undefined) causes.push(fieldInvalid('metadata.labels', value, valueFault));
  }
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    const fault = qualifiedNameFault(key.toLowerCase());
    if (fault !== undefined) causes.push(fieldInvalid('metadata.annotations', key, fault));
    size += key.length + value.length;
  }
  if (size > ANNOTATION_LIMIT) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${ANNOTATION_LIMIT} bytes`,
      field: 'metadata.annotations',
    });
  }
  ownerReferences.forEach((owner, i) => {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (!owner[field])
        causes.push(fieldRequired(`metadata.ownerReferences[${i}].${field}`, 'must not be empty'));
    }
  });
  const controllers = ownerReferences.filter(owner => owner.controller === true);
  if (controllers.length > 1) {
    const [first, second] = controllers.map(owner => `${owner.kind}/${owner.name}`);
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${first} and ${second}`;
    causes.push(fieldInvalid('metadata.ownerReferences', ownerReferences, why));
  }
  finalizers.forEach((finalizer, i) => {
    const fault = qualifiedNameFault(finalizer);
    const bare = !finalizer.includes('/') && !finalizer.includes('.') && !FINALIZERS.has(finalizer);
    if (fault !== undefined) causes.push(fieldInvalid(`metadata.finalizers[${i}]`, finalizer, fault));
    else if (bare) {
      causes.push(
        fieldInvalid(
          `metadata.finalizers[${i}]`,
          finalizer,
          'name is neither a standard finalizer name nor is it fully qualified',
        ),
      );
    }
  });
  return causes;
}

/** Breaches of what an update may do to metadata. */
export function checkMetadataUpdate(next: KubeObject, old: KubeObject): readonly Cause[] {
  if (old.metadata.deletionTimestamp === undefined) return [];
  const before = new Set(old.metadata.finalizers ?? []);
  const added = (next.metadata.finalizers ?? []).filter(finalizer => !before.has(finalizer));
  if (added.length === 0) return [];
  const list = `[]string{${added.map(text => JSON.stringify(text)).join(', ')}}`;
  const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
  return [fieldForbidden('metadata.finalizers', why)];
}
