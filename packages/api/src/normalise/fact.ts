import type { Ip } from '@muslin/net';
import type { FactChange } from '../model/change.ts';
import type { Finding } from '../model/snapshot.ts';
import type { Report } from './field.ts';

/** The backends that one EndpointSlice gives to its Service; the store joins them to `ServiceFacts`. */
export interface SliceFacts {
  /** Key of the Service: `namespace/name`. */
  readonly service: string;
  readonly backends: readonly {
    readonly ip: Ip;
    readonly protocol: number;
    readonly port: number;
    readonly portName: string;
    readonly ready: boolean;
  }[];
}

type Present<C extends FactChange> = C extends FactChange
  ? { readonly type: C['type']; readonly key: C['key']; readonly value: NonNullable<C['value']> }
  : never;

/** What one object says: an entry of a `Snapshot`, or a part that the store joins to one. */
export type Fact =
  | Present<FactChange>
  | { readonly type: 'slice'; readonly key: string; readonly value: SliceFacts };

/** What a resource means: nothing when it is invalid, finished or of a kind that policy and routing don't ask about. */
export interface Normalised {
  readonly facts: readonly Fact[];
  readonly findings: readonly Finding[];
}

/** One resource as a typed value; undefined when it is invalid or says nothing (`findings` tell which). */
export interface Read<T> {
  readonly value: T | undefined;
  readonly findings: readonly Finding[];
}

/** Ends the reading of an object: an invalid one has no value. */
export function finish<T>(report: Report, value: T | undefined): Read<T> {
  return { value: report.failed ? undefined : value, findings: report.findings };
}

/** The object without its undefined fields, as `exactOptionalPropertyTypes` wants optional parts. */
export function withoutUndefined<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
}
