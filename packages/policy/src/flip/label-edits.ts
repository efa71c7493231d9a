import {
  type FactChange,
  isReservedLabel,
  type Labels,
  RESERVED_LABELS,
  type Selector,
  type Snapshot,
} from '@muslin/api';
import type { Edit, EditContext } from '../flip.ts';
import type { EndIdentity } from '../flow.ts';

/** A label to set, or to remove (`value` undefined). */
interface Wish {
  readonly key: string;
  readonly value: string | undefined;
  /** Of any value: nothing to wish for where there is one. */
  readonly any?: true;
}

/** Edits of one label of either pod or its namespace, as the selectors that were asked suggest. */
export function* labelEdits({ snapshot, explanation }: EditContext): Iterable<Edit> {
  const seen = new Set<Selector>();
  const wishes = new Map<string, Wish>();
  for (const path of explanation.paths) {
    for (const { tiers } of [path.egress, ...path.crossings, path.ingress]) {
      for (const { policy: key } of tiers.flatMap(tier => tier.policies)) {
        const policy = snapshot.policies.get(key);
        if (policy === undefined) continue;
        const peers = [...policy.ingress, ...policy.egress].flatMap(rule => [rule.source, rule.destination]);
        for (const { selector, notSelector } of peers)
          for (const s of [selector, notSelector]) if (s) seen.add(s);
        seen.add(policy.selector);
      }
    }
  }
  for (const selector of seen)
    for (const wish of wishesOf(selector)) wishes.set(JSON.stringify([wish.key, wish.value, wish.any]), wish);
  for (const end of ends(explanation.paths))
    for (const wish of wishes.values()) yield* editsOf(snapshot, end, wish);
}

function ends(paths: EditContext['explanation']['paths']): ReadonlySet<string> {
  const podOf = (identity: EndIdentity) => (identity.kind === 'pod' ? [identity.endpoint] : []);
  return new Set(paths.flatMap(path => [...podOf(path.from), ...podOf(path.to)]));
}

/** Labels that would turn some part of the selector to true or to false. */
function* wishesOf(selector: Selector): Iterable<Wish> {
  switch (selector.op) {
    case 'all':
    case 'global':
      return;
    case 'and':
    case 'or':
      for (const part of selector.of) yield* wishesOf(part);
      return;
    case 'not':
      yield* wishesOf(selector.of);
      return;
    case 'in':
    case 'notIn':
      for (const value of selector.values) yield { key: selector.key, value };
      break;
    case 'has':
      yield { key: selector.key, value: 'true', any: true };
      break;
    default:
      yield { key: selector.key, value: selector.value };
  }
  yield { key: selector.key, value: undefined };
}

function* editsOf(snapshot: Snapshot, key: string, { key: label, value, any }: Wish): Iterable<Edit> {
  const pod = snapshot.endpoints.get(key);
  if (pod === undefined) return;
  if (!isReservedLabel(label)) {
    if (any && pod.labels.has(label)) return;
    const labels = edited(pod.labels, label, value);
    const change: FactChange = { type: 'endpoint', key, value: { ...pod, labels } };
    if (labels !== pod.labels)
      yield { kind: 'change-label', text: textOf(label, value, `Pod ${key.slice(4)}`), change };
    return;
  }
  const namespace = snapshot.namespaces.get(pod.namespace);
  const own = label.slice(RESERVED_LABELS.namespacePrefix.length);
  if (namespace === undefined || !label.startsWith(RESERVED_LABELS.namespacePrefix) || isFixed(own)) return;
  if (any && namespace.labels.has(own)) return;
  const labels = edited(namespace.labels, own, value);
  const change: FactChange = { type: 'namespace', key: namespace.name, value: { ...namespace, labels } };
  if (labels !== namespace.labels)
    yield { kind: 'change-label', text: textOf(own, value, `Namespace ${namespace.name}`), change };
}

/** Labels that say a namespace's name: the API server and normalisation set them (netpol S39). */
const isFixed = (key: string): boolean =>
  key === 'kubernetes.io/metadata.name' || key === 'projectcalico.org/name';

function edited(labels: Labels, key: string, value: string | undefined): Labels {
  if (labels.get(key) === value) return labels;
  const result = new Map(labels);
  if (value === undefined) result.delete(key);
  else result.set(key, value);
  return result;
}

function textOf(key: string, value: string | undefined, object: string): string {
  return value === undefined
    ? `remove label ${key} from ${object}`
    : `set label ${key}=${value} on ${object}`;
}
