/** What to list. */
export interface ListQuery {
  /** Absent: of all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  /** `0`: any version the server has at hand. Absent: the newest. */
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

/** What to watch. */
export interface WatchQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this version. */
  readonly resourceVersion?: string;
  readonly allowWatchBookmarks?: boolean;
  /** The server closes the watch after this long. */
  readonly timeoutSeconds?: number;
  /** Silence that means a half-open connection, in ms; default `timeoutSeconds` and 15 s. */
  readonly idleMs?: number;
  /** Longest event, in bytes; default 16 MiB. */
  readonly maxLineBytes?: number;
}

/** How to write. */
export interface WriteOptions {
  /** `status`, `token`, `eviction`… */
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
  /** Server-side apply: take fields from other managers. */
  readonly force?: boolean;
  /** Check only (`dryRun=All`). */
  readonly dryRun?: boolean;
}

/** How to delete (meta/v1 DeleteOptions). */
export interface DeleteOptions {
  /** Preconditions: another uid or version is a Conflict. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
  readonly dryRun?: boolean;
}

/** A patch and its kind: RFC 7386, RFC 6902, Kubernetes strategic merge, server-side apply. */
export type Patch =
  | { readonly type: 'merge' | 'strategic' | 'apply'; readonly body: object }
  | { readonly type: 'json'; readonly body: readonly JsonPatchStep[] };

/** One operation of RFC 6902. */
export interface JsonPatchStep {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** Content types of patches. JSON is YAML, so an apply patch needs no YAML writer. */
export const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const satisfies Record<Patch['type'], string>;

/** Query of a list. */
export function listParameters(query: ListQuery): URLSearchParams {
  const { namespace: _, ...rest } = query;
  return parameters(rest);
}

/** Query of a watch. */
export function watchParameters(query: WatchQuery): URLSearchParams {
  const { namespace: _, idleMs: __, maxLineBytes: ___, ...rest } = query;
  return parameters({ watch: true, ...rest });
}

/** Query of a write. */
export function writeParameters(options: WriteOptions): URLSearchParams {
  const { fieldManager, fieldValidation, force, dryRun } = options;
  return parameters({ fieldManager, fieldValidation, force, dryRun: dryRun === true ? 'All' : undefined });
}

function parameters(
  values: Readonly<Record<string, string | number | boolean | undefined>>,
): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  return query;
}
