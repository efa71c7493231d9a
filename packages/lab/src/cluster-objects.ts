import type { Overlay } from './options.ts';
import { BFD, type Topology } from './topology.ts';

const VXLAN_MODES = { vxlan: 'Always', 'vxlan-cross-subnet': 'CrossSubnet' } as const;

/** The Node of a lab machine, as a kubelet would report it. */
export function nodeObject(name: string, ips: readonly string[]): object {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
    spec: {},
    status: {
      addresses: [
        ...ips.map(address => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: name },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'LabKubeletReady',
          message: 'the lab answers for this node',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
      nodeInfo: { kubeletVersion: 'v1.36.0-lab', operatingSystem: 'linux', osImage: 'a network namespace' },
    },
  };
}

/** What an admin writes for such a cluster: a pool of each family, the mesh, the router, and BFD with it if it can. */
export function networkObjects(
  topology: Topology,
  router: { readonly bfd: boolean } | undefined,
  overlay: Overlay = 'none',
): readonly object[] {
  const calico = (kind: string, name: string, spec: object) => ({
    apiVersion: 'projectcalico.org/v3',
    kind,
    metadata: { name },
    spec,
  });
  const { podCidr, podCidr6, clusterAs, tor, torAs } = topology;
  const vxlan = overlay === 'none' ? {} : { vxlanMode: VXLAN_MODES[overlay] };
  return [
    calico('IPPool', 'default-ipv4-ippool', {
      ...{ cidr: podCidr, blockSize: 26, natOutgoing: true },
      ...vxlan,
    }),
    ...(podCidr6 === undefined
      ? []
      : [
          calico('IPPool', 'default-ipv6-ippool', {
            ...{ cidr: podCidr6, blockSize: 122, natOutgoing: true },
            ...vxlan,
          }),
        ]),
    calico('BGPConfiguration', 'default', {
      ...{ asNumber: clusterAs, nodeToNodeMeshEnabled: overlay === 'none' },
    }),
    ...(router === undefined ? [] : [calico('BGPPeer', 'tor', { peerIP: tor.ip, asNumber: torAs })]),
    ...(router?.bfd
      ? [
          {
            apiVersion: 'muslin.dev/v1alpha1',
            kind: 'BGPPeerPolicy',
            metadata: { name: 'tor' },
            spec: { peerNames: ['tor'], bfd: BFD },
          },
        ]
      : []),
  ];
}
