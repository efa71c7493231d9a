import { ALL, type Labels, RESERVED_LABELS, type Selector } from '../model/selector.ts';
import { selectorFromLabelSelector } from '../selector/label-selector.ts';
import { andSelectors, matchesSelector, withPrefix } from '../selector/selector-algebra.ts';
import { parseSelector } from '../selector/selector-parser.ts';
import type { Field } from './field.ts';

const NO_LABELS: Labels = new Map();

/** Pods, as opposed to network sets: what a Kubernetes policy can mean by a podSelector. */
const PODS: Selector = { op: 'eq', key: RESERVED_LABELS.orchestrator, value: 'k8s' };

/** Everything in one namespace. */
export function inNamespace(namespace: string): Selector {
  return { op: 'eq', key: RESERVED_LABELS.namespace, value: namespace };
}

/** A selector in Calico's language; undefined when absent, empty or wrong. `global()` only where `allowGlobal`. */
export function readSelector(field: Field, allowGlobal = false): Selector | undefined {
  const text = field.text();
  if (text === undefined || text.trim() === '') return undefined;
  const parsed = parseSelector(text);
  if (!parsed.ok) return field.invalid(parsed.fault.message);
  if (parsed.value.op === 'global' && !allowGlobal)
    return field.invalid('global() is only for the namespaceSelector of a rule');
  return parsed.value;
}

/** A Kubernetes LabelSelector, which must be present. */
export function readLabelSelector(field: Field): Selector | undefined {
  const read = selectorFromLabelSelector(field.value ?? {});
  if (read.ok) return read.value;
  const { path, message } = read.fault;
  field.report.failed = true;
  field.report.note('error', path === '' ? field.path : `${field.path}.${path}`, message);
  return undefined;
}

/**
 * Things in namespaces that match. A selector that even an unlabelled namespace satisfies would, after the prefix,
 * hold for things without a namespace; those are excluded.
 */
export function inNamespaces(namespaces: Selector): Selector {
  const within = withPrefix(namespaces, RESERVED_LABELS.namespacePrefix);
  if (namespaces.op === 'global' || !matchesSelector(namespaces, NO_LABELS)) return within;
  return andSelectors(within, { op: 'has', key: RESERVED_LABELS.namespace });
}

/** Pods that run under matching service accounts. */
export function underServiceAccounts(accounts: Selector): Selector {
  const under = withPrefix(accounts, RESERVED_LABELS.serviceAccountPrefix);
  if (!matchesSelector(accounts, NO_LABELS)) return under;
  return andSelectors(under, { op: 'has', key: RESERVED_LABELS.serviceAccount });
}

/** Pods with these labels in these namespaces (both already about endpoints). */
export function podsWhere(pods: Selector | undefined, namespaces: Selector): Selector {
  return andSelectors(PODS, namespaces, pods ?? ALL);
}
