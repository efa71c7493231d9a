import type * as z from 'zod';
import type { CelRule } from './property.ts';

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** 0 always, 1 with `-o wide`. */
  readonly priority?: number;
}

/** All that makes a resource kind: the source of its CRD, types and reference page. */
export interface Kind<S extends z.ZodType = z.ZodType, T extends z.ZodType = z.ZodType> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly scope: 'Cluster' | 'Namespaced';
  /** A paragraph for people. */
  readonly about: string;
  readonly spec: S;
  readonly status?: T;
  readonly columns: readonly PrinterColumn[];
  /** JSON paths that `kubectl get --field-selector` may ask about. */
  readonly selectable: readonly string[];
  /** CEL rules on the whole object. */
  readonly rules: readonly CelRule[];
}

/** A kind of projectcalico.org/v3, from what is special about it. */
export function calicoKind<S extends z.ZodType, T extends z.ZodType = z.ZodType>(
  parts: Pick<Kind<S, T>, 'kind' | 'plural' | 'scope' | 'about' | 'spec'> & Partial<Kind<S, T>>,
): Kind<S, T> {
  return {
    group: 'projectcalico.org',
    version: 'v3',
    shortNames: [],
    columns: [],
    selectable: [],
    rules: [],
    ...parts,
  };
}

/** How long ago the object was made. */
export const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since the object was made',
};

/** A column that shows a field. */
export function column(
  name: string,
  jsonPath: string,
  description: string,
  type: PrinterColumn['type'] = 'string',
): PrinterColumn {
  return { name, type, jsonPath, description };
}

/** What people write under `spec` of a kind. */
export type SpecOf<K> = K extends Kind<infer S, z.ZodType> ? z.input<S> : never;

/** What Muslin writes under `status` of a kind. */
export type StatusOf<K> = K extends Kind<z.ZodType, infer T> ? z.input<T> : never;
