import { type Labels, matchesSelector, normalise } from '@muslin/api';
import type { AnyObject } from '@muslin/kube';

/** Fields of FelixConfigurations as they were written: nobody has checked them. */
export type FelixSpec = { readonly [field: string]: unknown };

/** What concerns a node of all FelixConfigurations: fields, and annotations, which have the same order. */
export interface FelixWord {
  readonly spec: FelixSpec;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Joins `default`, those whose `nodeSelector` picks the node, the first by name last, and `node.<name>`: later fields win.
 * While the node's labels are not known no selector picks it.
 */
export function felixFor(
  configurations: Iterable<AnyObject>,
  node: string,
  labels: Labels | undefined,
): FelixWord {
  const all = [...configurations];
  const own = `node.${node}`;
  const named = (name: string) => all.filter(({ metadata }) => metadata.name === name);
  const picking = all
    .filter(({ metadata: { name = '' } }) => name !== 'default' && !name.startsWith('node.'))
    .filter(object => labels !== undefined && picks(object, labels))
    .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? 1 : -1));
  const order = [...named('default'), ...picking, ...named(own)];
  return {
    spec: Object.assign({}, ...order.map(object => wishes(object['spec']))),
    annotations: Object.assign({}, ...order.map(({ metadata }) => metadata.annotations)),
  };
}

/** `Auto`, which the API server fills in for every object, is no wish: it must not win over one. */
function wishes(spec: unknown): FelixSpec {
  if (typeof spec !== 'object' || spec === null) return {};
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== null && value !== 'Auto'));
}

/** One without a selector that can be read picks no node (Calico: it is not in effect). */
function picks(object: AnyObject, labels: Labels): boolean {
  const { facts } = normalise({ ...object, apiVersion: 'projectcalico.org/v3', kind: 'FelixConfiguration' });
  return facts.some(
    fact =>
      fact.type === 'felix' &&
      fact.value.nodeSelector !== undefined &&
      matchesSelector(fact.value.nodeSelector, labels),
  );
}

/** One of some words, in whatever case, as Calico takes them. */
export function wordOf<T extends string>(value: unknown, words: readonly T[]): T | undefined {
  const text = typeof value === 'string' ? value.toLowerCase() : undefined;
  return words.find(word => word.toLowerCase() === text);
}
