import { each, item, NAMESPACE, type Piece, type Tree } from '../source/tree.ts';
import { LABELS } from './names.ts';
import { type Grant, ROLES } from './roles.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** Agent and speaker share a pod, so they share its service account; their roles are apart to say who needs what. */
const ACCOUNT = { agent: 'muslin-node', speaker: 'muslin-node', controller: 'muslin-controller' } as const;

const rules = (grants: readonly Grant[]): Tree =>
  grants.map(({ group, resources, verbs }) => ({ apiGroups: [group], resources, verbs }));

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

export const rbac: readonly Piece[] = [
  always('Agents and speakers.', account('muslin-node')),
  always('Controllers.', account('muslin-controller')),
  ...(['agent', 'speaker', 'controller'] as const).flatMap(program => {
    const { about, cluster, own } = ROLES[program];
    const name = `muslin-${program}`;
    const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT[program], namespace: NAMESPACE }];
    const binding = (kind: 'Role' | 'ClusterRole') => ({
      roleRef: { apiGroup: RBAC, kind, name },
      subjects,
    });
    return [
      always(about, {
        apiVersion: `${RBAC}/v1`,
        kind: 'ClusterRole',
        metadata: { name, labels: LABELS },
        rules: rules(cluster),
      }),
      always(`Grants ${name}.`, {
        apiVersion: `${RBAC}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name, labels: LABELS },
        ...binding('ClusterRole'),
      }),
      ...(own.length === 0
        ? []
        : [
            always('In its own namespace: the leader election.', {
              apiVersion: `${RBAC}/v1`,
              kind: 'Role',
              metadata: { name, namespace: NAMESPACE, labels: LABELS },
              rules: rules(own),
            }),
            always(`Grants the Role ${name}.`, {
              apiVersion: `${RBAC}/v1`,
              kind: 'RoleBinding',
              metadata: { name, namespace: NAMESPACE, labels: LABELS },
              ...binding('Role'),
            }),
          ]),
    ];
  }),
  ...passwords,
];
