import { isObject, type JsonObject } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import { fromStored } from '../kinds/stored-form.ts';
import { type KubeObject, type ManagedFieldsEntry, withMetadata } from '../kube-object.ts';
import {
  difference,
  EMPTY,
  type FieldSet,
  fieldSet,
  formatFields,
  isEmptySet,
  parseFields,
  sameSet,
  union,
} from './field-set.ts';
import { compare, fieldsOf } from './typed-value.ts';

/** One write, as managedFields will remember it. */
export interface WriteRecord {
  readonly manager: string;
  readonly operation: 'Update' | 'Apply';
  readonly subresource: string;
  /** RFC 3339. */
  readonly time: string;
  /** Apply only: the fields of the applied configuration. */
  readonly applied?: FieldSet;
}

/** Fields that belong to the system and that nobody owns. */
const SYSTEM = [
  'name',
  'namespace',
  'generateName',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
];

/** The part of an object whose fields are owned. */
export function ownable(kind: Kind, object: KubeObject): JsonObject {
  return ownablePart(fromStored(kind, object));
}

/** The part of a configuration that its applier wants to own: what it says, without defaults. */
export function wanted(kind: Kind, config: KubeObject): JsonObject {
  return ownablePart(kind.translate?.fromStored(config) ?? config);
}

function ownablePart(shown: KubeObject): JsonObject {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = shown;
  const own = Object.fromEntries(
    Object.entries(metadata as JsonObject).filter(([name]) => !SYSTEM.includes(name)),
  );
  return { ...rest, metadata: own };
}

/** What a configuration sets. Metadata that names only the object is nothing to own. */
export function appliedFields(kind: Kind, config: KubeObject): FieldSet {
  const fields = fieldsOf(wanted(kind, config), kind.schema);
  return fieldSet(
    false,
    [...fields.children].filter(([key, child]) => key !== 'f:metadata' || child.children.size > 0),
  );
}

/** One manager's entry with its set, read. */
export interface Manager {
  readonly entry: ManagedFieldsEntry;
  readonly fields: FieldSet;
}

export function managersOf(object: KubeObject | undefined): readonly Manager[] {
  return (object?.metadata.managedFields ?? [])
    .filter(entry => isObject(entry.fieldsV1))
    .map(entry => ({ entry, fields: parseFields(entry.fieldsV1) }));
}

/** Whether an entry is the one that a write by this manager goes to. */
export function isEntryOf(entry: ManagedFieldsEntry, kind: Kind, record: WriteRecord): boolean {
  return (
    entry.manager === record.manager &&
    entry.operation === record.operation &&
    (entry.subresource ?? '') === record.subresource &&
    (record.operation === 'Apply' || entry.apiVersion === apiVersionOf(kind))
  );
}

/**
 * `next` with managedFields brought up to date: who wrote a field owns it, and nobody else does unless they
 * applied the same (Kubernetes, Server-Side Apply, Field management).
 */
export function recordWrite(
  kind: Kind,
  next: KubeObject,
  old: KubeObject | undefined,
  record: WriteRecord,
): KubeObject {
  const before = next.metadata.managedFields ?? old?.metadata.managedFields;
  const managers = managersOf(
    before === undefined ? undefined : withMetadata(next, { managedFields: before }),
  );
  const { changed, removed } = compare(
    old === undefined ? BLANK : ownable(kind, old),
    ownable(kind, next),
    kind.schema,
  );
  const touched = union(changed, removed);
  const mine = managers.find(({ entry }) => isEntryOf(entry, kind, record));
  const entries = managers
    .filter(manager => manager !== mine)
    .map(manager => renewed(manager, difference(manager.fields, touched)));
  const written =
    record.applied ?? difference(union(mine?.fields ?? EMPTY, unrooted(kind, changed)), removed);
  // Who applies what is there already is noted without a time.
  const timeless = record.applied !== undefined && isEmptySet(touched);
  const renew = mine === undefined ? [] : [renewed(mine, written, timeless ? undefined : record)];
  const own = mine === undefined ? [freshEntry(kind, written, record, timeless)] : renew;
  const all = [...entries, ...own].flatMap(entry => (entry === undefined ? [] : [entry]));
  return withMetadata(next, { managedFields: all.length === 0 ? undefined : all.sort(compareEntries) });
}

/** Every object has these, so that nobody adds them. */
const BLANK: JsonObject = { metadata: {} };

/** Top-level fields of a built-in kind are always there in Go; their own path is never in a set. */
function unrooted(kind: Kind, set: FieldSet): FieldSet {
  if (!kind.builtIn) return set;
  const children = [...set.children].map(([key, child]) => {
    const structure = kind.schema.properties?.[key.slice(2)]?.properties !== undefined;
    return [key, structure && child.children.size > 0 ? { ...child, member: false } : child] as const;
  });
  return fieldSet(false, children);
}

function freshEntry(
  kind: Kind,
  fields: FieldSet,
  record: WriteRecord,
  timeless: boolean,
): ManagedFieldsEntry | undefined {
  if (isEmptySet(fields)) return undefined;
  return {
    manager: record.manager,
    operation: record.operation,
    apiVersion: apiVersionOf(kind),
    ...(timeless ? {} : { time: record.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: formatFields(fields),
    ...(record.subresource === '' ? {} : { subresource: record.subresource }),
  };
}

/** The entry with its new set; the same entry when nothing changed, nothing when nothing is left. */
function renewed(manager: Manager, fields: FieldSet, record?: WriteRecord): ManagedFieldsEntry | undefined {
  if (isEmptySet(fields)) return undefined;
  if (sameSet(fields, manager.fields)) return manager.entry;
  const time = record === undefined ? {} : { time: record.time };
  return { ...manager.entry, ...time, fieldsV1: formatFields(fields) };
}

function compareEntries(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  if (a.operation !== b.operation) return a.operation < b.operation ? -1 : 1;
  const [x, y] = [a.time ?? '', b.time ?? ''];
  if (x !== y) return x < y ? -1 : 1;
  return a.manager < b.manager ? -1 : a.manager > b.manager ? 1 : 0;
}
