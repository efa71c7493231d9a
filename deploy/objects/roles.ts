/** A rule of RBAC (rbac.authorization.k8s.io/v1 PolicyRule), for one API group. */
export interface Grant {
  readonly group: string;
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Objects by name; absent: all. */
  readonly names?: readonly string[];
}

/** What one program may do. */
export interface Role {
  readonly about: string;
  /** Over all namespaces, and for objects without one. */
  readonly cluster: readonly Grant[];
  /** In Muslin's own namespace only. */
  readonly own: readonly Grant[];
}

const CALICO = 'projectcalico.org';
const WATCH = ['list', 'watch'];

/** Kinds of others that may come later: their definitions tell when. */
const MAY_COME: Grant = {
  ...{ group: 'apiextensions.k8s.io', resources: ['customresourcedefinitions'], verbs: ['watch'] },
  names: ['clusternetworkpolicies', 'adminnetworkpolicies', 'baselineadminnetworkpolicies'].map(
    plural => `${plural}.policy.networking.k8s.io`,
  ),
};

/** What decides the rules of nodes: agents watch it, and so does a controller that tells them. */
const SEEN_BY_NODES: readonly Grant[] = [
  { group: '', resources: ['nodes', 'namespaces', 'pods', 'serviceaccounts', 'services'], verbs: WATCH },
  { group: 'discovery.k8s.io', resources: ['endpointslices'], verbs: WATCH },
  { group: 'networking.k8s.io', resources: ['networkpolicies'], verbs: WATCH },
  {
    group: CALICO,
    resources: [
      'networkpolicies',
      'globalnetworkpolicies',
      'stagednetworkpolicies',
      'stagedglobalnetworkpolicies',
      'stagedkubernetesnetworkpolicies',
      'hostendpoints',
      'tiers',
      'networksets',
      'globalnetworksets',
      'ippools',
      'ipamconfigurations',
      'ipamblocks',
      'ipreservations',
      'felixconfigurations',
      'bgpconfigurations',
      'bgppeers',
    ],
    verbs: WATCH,
  },
  {
    group: 'policy.networking.k8s.io',
    resources: ['clusternetworkpolicies', 'adminnetworkpolicies', 'baselineadminnetworkpolicies'],
    verbs: WATCH,
  },
  MAY_COME,
];

/** What controllers ask for beside, where they tell agents what concerns their nodes. */
export const FANOUT: Role = {
  about:
    'Fan-out: controllers see what agents would, and learn from the API server whose node a token is of.',
  cluster: [
    ...SEEN_BY_NODES,
    { group: '', resources: ['pods'], verbs: ['get'] },
    { group: 'authentication.k8s.io', resources: ['tokenreviews'], verbs: ['create'] },
  ],
  own: [
    // Whoever may create can't be held to a name.
    { group: '', resources: ['secrets', 'configmaps'], verbs: ['create'] },
    { group: '', resources: ['secrets'], verbs: ['get'], names: ['muslin-fanout-authority'] },
    { group: '', resources: ['configmaps'], verbs: ['patch'], names: ['muslin-fanout'] },
  ],
};

/**
 * What each program asks for while it works, no more: test/deploy/rbac.kernel.test.ts compares this table with the audit
 * log of a cluster that runs, and fails on a grant that is missing or unused.
 */
export const ROLES: Readonly<Record<'agent' | 'speaker' | 'controller', Role>> = {
  agent: {
    about: 'What decides the rules of a node; addresses of its pods.',
    cluster: [
      ...SEEN_BY_NODES,
      { group: '', resources: ['pods'], verbs: ['get', 'patch'] },
      { group: '', resources: ['events'], verbs: ['create', 'patch'] },
      { group: '', resources: ['nodes'], verbs: ['patch'] },
      { group: CALICO, resources: ['blockaffinities'], verbs: ['list'] },
      {
        group: CALICO,
        resources: ['blockaffinities', 'ipamblocks', 'ipamhandles'],
        verbs: ['get', 'create', 'update'],
      },
      { group: CALICO, resources: ['ipamhandles'], verbs: ['delete'] },
      {
        group: 'muslin.dev',
        resources: [
          'policynodestatuses',
          'policynodestatuses/status',
          'addressnodestatuses',
          'addressnodestatuses/status',
        ],
        verbs: ['patch'],
      },
      { group: 'muslin.dev', resources: ['policynodestatuses', 'addressnodestatuses'], verbs: ['create'] },
    ],
    own: [],
  },
  speaker: {
    about: 'What decides sessions and routes of a node; the status of its own sessions.',
    cluster: [
      // Pods, and what hands them labels, where a BGPPeer makes some of them peers.
      {
        group: '',
        resources: ['nodes', 'services', 'pods', 'namespaces', 'serviceaccounts'],
        verbs: WATCH,
      },
      { group: 'discovery.k8s.io', resources: ['endpointslices'], verbs: WATCH },
      {
        group: CALICO,
        resources: [
          'bgpconfigurations',
          'bgppeers',
          'bgpfilters',
          'ippools',
          'blockaffinities',
          'ipamblocks',
          'caliconodestatuses',
        ],
        verbs: WATCH,
      },
      { group: 'muslin.dev', resources: ['bgppeerpolicies', 'bgpquestions'], verbs: WATCH },
      { group: CALICO, resources: ['caliconodestatuses/status'], verbs: ['patch'] },
      {
        group: 'muslin.dev',
        resources: ['bgpnodestatuses', 'bgpnodestatuses/status', 'bgpquestions/status'],
        verbs: ['patch'],
      },
      // A server-side apply that makes the object is also checked as a create (Kubernetes "Server-Side Apply").
      { group: 'muslin.dev', resources: ['bgpnodestatuses'], verbs: ['create'] },
    ],
    own: [],
  },
  controller: {
    about:
      'What keeps pools, tiers, addresses of Services and lost nodes, and host endpoints right, and judges what people write.',
    cluster: [
      { group: '', resources: ['nodes', 'services'], verbs: ['get', 'list', 'watch'] },
      { group: '', resources: ['services/status'], verbs: ['patch'] },
      { group: '', resources: ['namespaces'], verbs: ['get'] },
      { group: '', resources: ['pods'], verbs: ['get', 'list'] },
      { group: '', resources: ['events'], verbs: ['create', 'patch'] },
      { group: 'networking.k8s.io', resources: ['networkpolicies'], verbs: WATCH },
      {
        group: CALICO,
        resources: [
          'networkpolicies',
          'globalnetworkpolicies',
          'stagednetworkpolicies',
          'stagedglobalnetworkpolicies',
          'stagedkubernetesnetworkpolicies',
          'networksets',
          'globalnetworksets',
          'bgpconfigurations',
          'bgppeers',
          'bgpfilters',
          'felixconfigurations',
        ],
        verbs: WATCH,
      },
      { group: CALICO, resources: ['ippools'], verbs: ['get', 'list', 'watch', 'patch'] },
      { group: CALICO, resources: ['tiers'], verbs: ['get', 'list', 'watch', 'create', 'patch'] },
      {
        group: CALICO,
        resources: ['ippools/status', 'tiers/status', 'kubecontrollersconfigurations/status'],
        verbs: ['patch'],
      },
      { group: CALICO, resources: ['hostendpoints'], verbs: ['list', 'watch', 'create', 'update', 'delete'] },
      {
        group: CALICO,
        resources: ['kubecontrollersconfigurations'],
        verbs: ['get', 'list', 'watch', 'create'],
      },
      { group: CALICO, resources: ['clusterinformations'], verbs: ['get', 'create', 'update'] },
      { group: CALICO, resources: ['ipreservations'], verbs: ['list'] },
      { group: CALICO, resources: ['ipamconfigurations'], verbs: ['get'] },
      { group: CALICO, resources: ['blockaffinities'], verbs: ['watch'] },
      {
        group: CALICO,
        resources: ['blockaffinities', 'ipamblocks', 'ipamhandles'],
        verbs: ['list', 'get', 'create', 'update', 'delete'],
      },
      { group: 'muslin.dev', resources: ['addressnodestatuses'], verbs: ['get', 'list'] },
      {
        group: 'muslin.dev',
        resources: ['policynodestatuses', 'bgpnodestatuses', 'bgpquestions'],
        verbs: ['list', 'delete'],
      },
      {
        group: 'policy.networking.k8s.io',
        resources: ['clusternetworkpolicies', 'adminnetworkpolicies', 'baselineadminnetworkpolicies'],
        verbs: WATCH,
      },
      MAY_COME,
      {
        group: 'policy.networking.k8s.io',
        resources: [
          'clusternetworkpolicies/status',
          'adminnetworkpolicies/status',
          'baselineadminnetworkpolicies/status',
        ],
        verbs: ['patch'],
      },
      {
        group: CALICO,
        resources: [
          'networkpolicies/status',
          'globalnetworkpolicies/status',
          'stagednetworkpolicies/status',
          'stagedglobalnetworkpolicies/status',
          'stagedkubernetesnetworkpolicies/status',
        ],
        verbs: ['patch'],
      },
      { group: 'muslin.dev', resources: ['policynodestatuses'], verbs: ['watch'] },
      {
        group: 'muslin.dev',
        resources: ['policystatuses'],
        verbs: ['get', 'list', 'watch', 'create', 'delete'],
      },
      { group: 'muslin.dev', resources: ['policystatuses/status'], verbs: ['patch'] },
    ],
    own: [{ group: 'coordination.k8s.io', resources: ['leases'], verbs: ['get', 'create', 'update'] }],
  },
};
