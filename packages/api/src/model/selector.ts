/**
 * A selector: Calico's selector language and Kubernetes' LabelSelector share this one form.
 *
 * `ne` and `notIn` are true when the label is absent (Calico selector language; NetworkPolicy v1 NotIn).
 * `global` is only meaningful as a whole namespaceSelector: objects without a namespace.
 */
export type Selector =
  | { readonly op: 'all' }
  | { readonly op: 'global' }
  | { readonly op: 'has'; readonly key: string }
  | {
      readonly op: 'eq' | 'ne' | 'contains' | 'startsWith' | 'endsWith';
      readonly key: string;
      readonly value: string;
    }
  | { readonly op: 'in' | 'notIn'; readonly key: string; readonly values: readonly string[] }
  | { readonly op: 'not'; readonly of: Selector }
  | { readonly op: 'and' | 'or'; readonly of: readonly Selector[] };

/** Labels as a map, so that a hostile key such as `__proto__` is just a key. */
export type Labels = ReadonlyMap<string, string>;

/** Selects everything. */
export const ALL: Selector = { op: 'all' };

/**
 * Reserved label keys that normalisation puts on endpoints and network sets, in Calico's spelling, so that
 * selectors written for Calico mean the same. A Pod's own labels with these keys or prefixes are ignored.
 */
export const RESERVED_LABELS = {
  namespace: 'projectcalico.org/namespace',
  serviceAccount: 'projectcalico.org/serviceaccount',
  orchestrator: 'projectcalico.org/orchestrator',
  /** Prefix of a namespace's labels on what lives in it. */
  namespacePrefix: 'pcns.',
  /** Prefix of a service account's labels on the pods that run under it. */
  serviceAccountPrefix: 'pcsa.',
} as const;
