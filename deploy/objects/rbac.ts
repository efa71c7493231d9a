import { each, item, NAMESPACE, type Piece, type Tree } from '../source/tree.ts';
import { LABELS } from './names.ts';
import { FANOUT, type Grant, type Role, ROLES } from './roles.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** Agent and speaker share a pod, so they share its service account; their roles are apart to say who needs what. */
const ACCOUNT = { agent: 'muslin-node', speaker: 'muslin-node', controller: 'muslin-controller' } as const;

const rules = (grants: readonly Grant[]): Tree =>
  grants.map(({ group, resources, verbs, names }) => ({
    ...{ apiGroups: [group], resources, verbs },
    ...(names !== undefined && { resourceNames: names }),
  }));

const always = (about: string, object: Tree): Piece => ({ when: [], about, object });

const account = (name: string): Tree => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace: NAMESPACE, labels: LABELS },
});

/** Secrets of BGP passwords, by name: list and watch are granted for one object when they select it by name. */
const passwords: readonly Piece[] = [
  {
    when: ['speaker.passwordSecrets'],
    about: 'BGP passwords that speakers may read.',
    object: {
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata: { name: 'muslin-speaker', namespace: NAMESPACE, labels: LABELS },
      rules: [
        {
          apiGroups: [''],
          resources: ['secrets'],
          resourceNames: each('speaker.passwordSecrets', item('string')),
          verbs: ['get', 'list', 'watch'],
        },
      ],
    },
  },
  {
    when: ['speaker.passwordSecrets'],
    about: 'Grants the Role muslin-speaker.',
    object: {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'muslin-speaker', namespace: NAMESPACE, labels: LABELS },
      roleRef: { apiGroup: RBAC, kind: 'Role', name: 'muslin-speaker' },
      subjects: [{ kind: 'ServiceAccount', name: ACCOUNT.speaker, namespace: NAMESPACE }],
    },
  },
];

/** A role with its binding, over the cluster and in the namespace of the installation. */
function granted(
  name: string,
  { about, cluster, own }: Role,
  serviceAccount: string,
  ownAbout: string,
  condition: readonly string[] = [],
): readonly Piece[] {
  const piece = (text: string, object: Tree): Piece => ({ when: condition, about: text, object });
  const both = (kind: 'Role' | 'ClusterRole', text: string, grants: readonly Grant[]): readonly Piece[] => {
    if (grants.length === 0) return [];
    const metadata = { name, ...(kind === 'Role' && { namespace: NAMESPACE }), labels: LABELS };
    const apiVersion = `${RBAC}/v1`;
    return [
      piece(text, { apiVersion, kind, metadata, rules: rules(grants) }),
      piece(kind === 'Role' ? `Grants the Role ${name}.` : `Grants ${name}.`, {
        ...{ apiVersion, kind: `${kind}Binding`, metadata },
        roleRef: { apiGroup: RBAC, kind, name },
        subjects: [{ kind: 'ServiceAccount', name: serviceAccount, namespace: NAMESPACE }],
      }),
    ];
  };
  return [...both('ClusterRole', about, cluster), ...both('Role', ownAbout, own)];
}

export const rbac: readonly Piece[] = [
  always('Agents and speakers.', account('muslin-node')),
  always('Controllers.', account('muslin-controller')),
  ...(['agent', 'speaker', 'controller'] as const).flatMap(program =>
    granted(
      `muslin-${program}`,
      ROLES[program],
      ACCOUNT[program],
      'In its own namespace: the leader election.',
    ),
  ),
  ...granted('muslin-fanout', FANOUT, ACCOUNT.controller, "In its own namespace: fan-out's authority.", [
    'fanout.enabled',
  ]),
  ...passwords,
];
