import { crdOf, KINDS, type Kind, type SchemaNode } from '@muslin/api';
import { describe, expect, test } from 'vitest';
import { type CalicoField, readCalicoKinds } from './calico-fields.ts';

/** Where we differ on purpose; each pattern is about `Kind path constraint`. Everything that Calico takes, we take. */
const DIFFERENCES: readonly { readonly about: RegExp; readonly why: string }[] = [
  {
    about:
      /(asNumber|localASNumber|asPathPrefix|prependASPath\.prefix) (item-)?(format=int(32|64)|minimum=0|maximum=4294967295)$/,
    why: 'AS numbers have 32 bits without sign (RFC 6793); int32 refuses 4200000000, the private range',
  },
  {
    about: /iptablesBackend pattern=/,
    why: 'the enum beside it says more',
  },
  {
    about: /StagedKubernetesNetworkPolicy .* item-enum=/,
    why: 'Kubernetes types carry no enums',
  },
  {
    about: /^Tier spec\.defaultAction enum=/,
    why: 'Calico checks this at admission',
  },
  {
    about: /IPReservation spec\.reservedCIDRs item-format=cidr/,
    why: "Calico's own examples name single addresses, which this format refuses",
  },
  {
    about: /BGPConfiguration spec\.ignoredInterfaces item-pattern=/,
    why: 'Calico checks this pattern elsewhere',
  },
];

/** Kinds that Calico gives no status; ours holds conditions, so that a policy itself says what of it is refused. */
const OWN_STATUS = [
  'NetworkPolicy',
  'GlobalNetworkPolicy',
  'StagedNetworkPolicy',
  'StagedGlobalNetworkPolicy',
  'StagedKubernetesNetworkPolicy',
];

function ours(kind: Kind): readonly CalicoField[] {
  const fields: CalicoField[] = [];
  const walk = (schema: SchemaNode, path: string) => {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const here = path === '' ? name : `${path}.${name}`;
      if (path !== '' || name === 'spec' || name === 'status') {
        if (path !== '')
          fields.push({
            path: here,
            type: typeOf(property),
            required: (schema.required?.includes(name) ?? false) || property.default !== undefined,
            constraints: [
              ...constraintsOf(property, ''),
              ...constraintsOf(property.items ?? {}, 'item-'),
            ].sort(),
          });
        walk(property, here);
        if (property.items) walk(property.items, `${here}[]`);
      }
    }
  };
  walk(crdOf(kind).spec.versions[0].schema.openAPIV3Schema, '');
  return fields;
}

function typeOf(schema: SchemaNode): string {
  if (schema['x-kubernetes-int-or-string']) return 'int-or-string';
  if (schema.items) return `[]${typeOf(schema.items)}`;
  if (schema.additionalProperties) return `map[string]${typeOf(schema.additionalProperties)}`;
  return schema.type ?? '';
}

const PLAIN = [
  'format',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
] as const;

function constraintsOf(schema: SchemaNode, prefix: string): readonly string[] {
  return [
    ...PLAIN.flatMap(word => (schema[word] === undefined ? [] : [`${prefix}${word}=${schema[word]}`])),
    ...(schema.enum ? [`${prefix}enum=${schema.enum.join('|')}`] : []),
    ...(schema.default === undefined ? [] : [`${prefix}default=${JSON.stringify(schema.default)}`]),
    ...(schema.nullable && prefix === '' ? ['nullable=True'] : []),
  ];
}

const SPAN = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))*$';

/** Spells a constraint in one way, whoever wrote it. */
function oneSpelling(constraint: string): string {
  const [, word = '', value = ''] = /^([a-zA-Z-]+)=(.*)$/s.exec(constraint) ?? [];
  if (word.endsWith('enum')) return `${word}=${value.split('|').sort().join('|')}`;
  if (!word.endsWith('pattern')) return constraint;
  if (value === '^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))*$') return `${word}=${SPAN}`;
  if (/^\^\(+.*\|Auto\)\$$/.test(value)) return `${word}=<duration or Auto>`;
  if (value.startsWith('<aa:nn') || value.startsWith('^((6553[0-5]')) return `${word}=<community>`;
  const anyCase = /^\^\(\?i\)\((.*)\)\?\$$/.exec(value) ?? /^\^\(\?i:\((.*)\)\?\)\$$/.exec(value);
  return anyCase ? `${word}=any case of ${anyCase[1]}` : constraint;
}

function comparable(kind: string, field: CalicoField) {
  const required = field.required || field.constraints.some(constraint => constraint.startsWith('default='));
  const constraints = field.constraints
    .map(oneSpelling)
    .filter(constraint => !DIFFERENCES.some(({ about }) => about.test(`${kind} ${field.path} ${constraint}`)))
    .sort();
  return { path: field.path, type: field.type, required, constraints };
}

const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

describe.each(readCalicoKinds())('$kind', theirs => {
  const kind = KINDS.find(candidate => candidate.kind === theirs.kind) as Kind;

  test('has the names and scope that Calico gives it', () => {
    expect(kind).toMatchObject({
      group: 'projectcalico.org',
      version: 'v3',
      plural: theirs.plural,
      scope: theirs.scope,
    });
    expect([...kind.shortNames].sort()).toEqual([...theirs.shortNames].sort());
    expect(kind.status !== undefined).toBe(theirs.status || OWN_STATUS.includes(kind.kind));
  });

  test('has every field of Calico, and no other', () => {
    const own = OWN_STATUS.includes(kind.kind) ? /^status\.conditions/ : /^$/;
    const mine = ours(kind)
      .filter(({ path }) => !own.test(path))
      .map(field => comparable(kind.kind, field));
    const all = theirs.fields.map(field => comparable(kind.kind, field));
    expect(mine.sort(byPath)).toEqual(all.sort(byPath));
  });
});

test('every kind of Calico is there, and six of our own', () => {
  const names = readCalicoKinds().map(({ kind }) => kind);
  expect(KINDS.map(({ kind }) => kind).sort()).toEqual(
    [
      ...names,
      'AddressNodeStatus',
      'BGPNodeStatus',
      'BGPPeerPolicy',
      'BGPQuestion',
      'PolicyNodeStatus',
      'PolicyStatus',
    ].sort(),
  );
  expect(readCalicoKinds().find(({ kind }) => kind === 'FelixConfiguration')?.fields).toHaveLength(208);
});
