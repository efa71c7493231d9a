import type { Json } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import type { Schema } from '../schema/schema.ts';
import type { FieldReader } from '../select/field-selector.ts';
import type { Cause } from '../status.ts';

/** One column of `kubectl get`. Priority 0 always shows, higher only with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  read(object: KubeObject, now: Date): Json;
}

/** What a kind does with an object beyond its schema. Each function is pure; absent means "nothing special". */
export interface Strategy {
  /** Drops what only the system may set and fills in what a new object starts with. */
  create?(object: KubeObject, surroundings: Surroundings): KubeObject;
  /** The object that a PUT or PATCH of the main resource really stores. */
  update?(next: KubeObject, old: KubeObject, surroundings: Surroundings): KubeObject;
  /** Defaults that depend on other fields. Runs after the schema's defaults, on every write. */
  complete?(object: KubeObject): KubeObject;
  validate?(object: KubeObject, surroundings: Surroundings): readonly Cause[];
  validateUpdate?(next: KubeObject, old: KubeObject): readonly Cause[];
}

/** What a strategy may look at besides the object. */
export interface Surroundings {
  readonly now: Date;
  random(): number;
  readonly serviceCidr: string;
  /** All objects of a storage. */
  list(storage: string): readonly KubeObject[];
}

/** How names of a kind must look. */
export type NameRule = 'subdomain' | 'label' | 'label1035';

/** One served version of one kind: a row of the table that everything else is driven by. */
export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Objects of kinds with the same storage are the same objects. */
  readonly storage: string;
  /** Whether the kind is compiled in (typed decoding, strategic merge) or comes from a CRD. */
  readonly builtIn: boolean;
  readonly schema: Schema;
  readonly columns: readonly Column[];
  readonly hasStatus: boolean;
  /** Whether metadata.generation counts the changes of spec. */
  readonly hasGeneration: boolean;
  readonly selectable: ReadonlyMap<string, FieldReader>;
  readonly nameRule: NameRule;
  /** Names of further subresources for discovery, such as `binding`. */
  readonly subresources: readonly Subresource[];
  readonly strategy: Strategy;
  /** What everyone who uses it is told: an old version. */
  readonly warning?: readonly string[];
  /** The version that objects are stored in, and its schema, where that is another one. */
  readonly storageVersion?: string;
  readonly storageSchema?: Schema;
  /** How the stored form reads in this version, and back; absent when they are the same. */
  readonly translate?: {
    fromStored(object: KubeObject): KubeObject;
    toStored(object: KubeObject): KubeObject;
  };
}

export interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

/** `apps/v1`, or `v1` in the core group. */
export function apiVersionOf(kind: { readonly group: string; readonly version: string }): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

export const NAME_COLUMN: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  read: object => object.metadata.name ?? '',
};

export const AGE_COLUMN: Column = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  read: (object, now) => ageText(object.metadata.creationTimestamp, now),
};

/** Time since a time stamp as kubectl writes it (duration.HumanDuration): `5s`, `3m20s`, `4h`, `2d3h`, `1y20d`. */
export function ageText(stamp: string | undefined, now: Date): string {
  if (stamp === undefined || stamp === '') return '<unknown>';
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(stamp)) / 1000));
  const [minutes, hours, days] = [
    Math.floor(seconds / 60),
    Math.floor(seconds / 3600),
    Math.floor(seconds / 86400),
  ];
  const with2 = (big: number, unit: string, small: number, smallUnit: string) =>
    small === 0 ? `${big}${unit}` : `${big}${unit}${small}${smallUnit}`;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return with2(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return with2(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (days < 8) return with2(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  return with2(Math.floor(days / 365), 'y', days % 365, 'd');
}

/** Fills in the parts of a built-in row that most rows share. */
export function builtIn(row: {
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced?: boolean;
  readonly storage?: string;
  readonly schema: Schema;
  readonly columns?: readonly Column[];
  readonly hasStatus?: boolean;
  readonly hasGeneration?: boolean;
  readonly selectable?: Readonly<Record<string, FieldReader>>;
  readonly nameRule?: NameRule;
  readonly subresources?: readonly Subresource[];
  readonly strategy?: Strategy;
  readonly translate?: NonNullable<Kind['translate']>;
}): Kind {
  const group = row.group ?? '';
  return {
    group,
    version: row.version ?? 'v1',
    kind: row.kind,
    listKind: `${row.kind}List`,
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    shortNames: row.shortNames ?? [],
    categories: row.categories ?? [],
    namespaced: row.namespaced ?? true,
    storage: row.storage ?? `${group}/${row.plural}`,
    builtIn: true,
    schema: row.schema,
    columns: row.columns ?? [NAME_COLUMN, AGE_COLUMN],
    hasStatus: row.hasStatus ?? false,
    hasGeneration: row.hasGeneration ?? false,
    selectable: new Map([...metadataFields(row.namespaced ?? true), ...Object.entries(row.selectable ?? {})]),
    nameRule: row.nameRule ?? 'subdomain',
    subresources: row.subresources ?? [],
    strategy: row.strategy ?? {},
    ...(row.translate === undefined ? {} : { translate: row.translate }),
  };
}

/** The field selectors that every kind has. */
export function metadataFields(namespaced: boolean): readonly (readonly [string, FieldReader])[] {
  const name = ['metadata.name', (object: KubeObject) => object.metadata.name ?? ''] as const;
  const namespace = ['metadata.namespace', (object: KubeObject) => object.metadata.namespace ?? ''] as const;
  return namespaced ? [name, namespace] : [name];
}
