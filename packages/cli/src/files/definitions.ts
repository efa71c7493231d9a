import { KINDS, type SchemaNode, schemaOf } from '@muslin/api';
import type { Resource } from '@muslin/kube';

/** The kinds that we define. Bundles hold what `finishedDefinitions` writes in place of this file. */
export const DEFINED_KINDS: readonly Resource[] = KINDS.map(({ group, version, plural, kind, scope }) => ({
  ...{ group, version, plural, kind, namespaced: scope === 'Namespaced' },
}));

/**
 * Schema of a kind of ours by `apiVersion/kind`, made when it is asked for; a NetworkPolicy of Kubernetes has the fields
 * that Calico's staged one has.
 */
export function definitionOf(type: string): SchemaNode | undefined {
  const held = MADE.get(type);
  if (held !== undefined) return held;
  const made = MAKERS.get(type)?.();
  if (made !== undefined) MADE.set(type, made);
  return made;
}

const MADE = new Map<string, SchemaNode>();

const MAKERS: ReadonlyMap<string, () => SchemaNode> = new Map([
  ...KINDS.map(kind => [`${kind.group}/${kind.version}/${kind.kind}`, () => schemaOf(kind)] as const),
  ...KINDS.filter(({ kind }) => kind === 'StagedKubernetesNetworkPolicy').map(
    kind => ['networking.k8s.io/v1/NetworkPolicy', () => withoutStages(schemaOf(kind))] as const,
  ),
]);

function withoutStages(schema: SchemaNode): SchemaNode {
  const { stagedAction: _staged, ...properties } = schema.properties?.['spec']?.properties ?? {};
  return { type: 'object', properties: { ...schema.properties, spec: { type: 'object', properties } } };
}

/** A module that says what this one says, with every schema written out: each is read when it is asked for. */
export function finishedDefinitions(): string {
  const texts = [...MAKERS].map(([type, make]) => [type, JSON.stringify(withoutWords(make()))]);
  return `export const DEFINED_KINDS = ${JSON.stringify(DEFINED_KINDS)};
const texts = ${JSON.stringify(Object.fromEntries(texts))};
const made = new Map();
export function definitionOf(type) {
  if (!made.has(type)) made.set(type, Object.hasOwn(texts, type) ? JSON.parse(texts[type]) : undefined);
  return made.get(type);
}
`;
}

/** A schema without what it says to people. */
function withoutWords(schema: SchemaNode): SchemaNode {
  const { description: _, usual: __, properties, items, additionalProperties, ...rest } = schema;
  return {
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, part]) => [name, withoutWords(part)]),
      ),
    }),
    ...(items && { items: withoutWords(items) }),
    ...(additionalProperties && { additionalProperties: withoutWords(additionalProperties) }),
  };
}
