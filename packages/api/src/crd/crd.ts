import type { Kind } from '../kinds/kind.ts';
import { type SchemaNode, structuralOf } from './structural.ts';

/** A CustomResourceDefinition (apiextensions.k8s.io/v1) as a plain object. */
export interface Crd {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames?: readonly string[];
    };
    readonly scope: 'Cluster' | 'Namespaced';
    readonly versions: readonly [CrdVersion];
  };
}

interface CrdVersion {
  readonly name: string;
  readonly served: true;
  readonly storage: true;
  readonly schema: { readonly openAPIV3Schema: SchemaNode };
  readonly additionalPrinterColumns?: readonly object[];
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
  readonly subresources?: { readonly status: object };
}

/** The CRD of a kind. */
export function crdOf(kind: Kind): Crd {
  const { group, version, plural, shortNames, scope, columns, selectable } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural,
        singular: kind.kind.toLowerCase(),
        ...(shortNames.length > 0 && { shortNames }),
      },
      scope,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: forServers(schemaOf(kind)) },
          ...(columns.length > 0 && { additionalPrinterColumns: columns }),
          ...(selectable.length > 0 && { selectableFields: selectable.map(jsonPath => ({ jsonPath })) }),
          ...(kind.status !== undefined && { subresources: { status: {} } }),
        },
      ],
    },
  };
}

/**
 * The schema of a whole object of a kind, with notes for people (`usual`). `spec` is required where it has required
 * fields that nothing fills in.
 */
export function schemaOf(kind: Kind): SchemaNode {
  const spec = structuralOf(kind.spec);
  const needed = spec.required?.some(name => spec.properties?.[name]?.default === undefined) ?? false;
  return {
    type: 'object',
    description: kind.about,
    properties: {
      apiVersion: { type: 'string', description: 'Group and version of the kind' },
      kind: { type: 'string', description: 'Name of the kind' },
      metadata: { type: 'object' },
      spec,
      ...(kind.status !== undefined && { status: structuralOf(kind.status) }),
    },
    ...(needed && { required: ['spec'] }),
    ...(kind.rules.length > 0 && { 'x-kubernetes-validations': kind.rules }),
  };
}

/** Moves what absence means into the description: servers know no other place for it. */
function forServers({ usual, ...schema }: SchemaNode): SchemaNode {
  const { description, properties, items, additionalProperties } = schema;
  return {
    ...schema,
    ...(usual !== undefined && { description: `${description ?? ''}. Unset means ${usual}.` }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, forServers(property)]),
      ),
    }),
    ...(items && { items: forServers(items) }),
    ...(additionalProperties && { additionalProperties: forServers(additionalProperties) }),
  };
}
