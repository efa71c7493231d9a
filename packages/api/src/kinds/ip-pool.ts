import { conditionStatus } from './condition.ts';
import { AGE, calicoKind, column } from './kind.ts';
import { choice, cidr, flag, integer, list, object, selector } from './property.ts';

const MODES = ['Never', 'Always', 'CrossSubnet'] as const;
const LOAD_BALANCER = "!has(self.allowedUses) || !('LoadBalancer' in self.allowedUses)";
const blockSizeOf = (pool: string) =>
  `(has(${pool}.blockSize) && ${pool}.blockSize != 0 ? ${pool}.blockSize : ${pool}.cidr.contains(':') ? 122 : 26)`;

export const ipPool = calicoKind({
  kind: 'IPPool',
  plural: 'ippools',
  scope: 'Cluster',
  about:
    'A range of addresses for pods, tunnels or load balancers. Nodes claim blocks of it; each block is one route in BGP.',
  spec: object(
    {
      cidr: cidr('The range; it can not be changed', {
        max: 48,
        rules: [
          {
            rule: 'self == oldSelf',
            message: 'cidr can not be changed: make a new pool and disable this one',
          },
          {
            rule: 'isCIDR(self) && cidr(self).masked() == cidr(self)',
            message: 'cidr must have no bits set beyond the prefix length',
          },
        ],
      }),
      blockSize: integer(
        'Prefix length of blocks: 20 to 32 for IPv4, 116 to 128 for IPv6; it can not be changed',
        {
          least: 0,
          most: 128,
          usual: '26 for IPv4, 122 for IPv6',
        },
      ).optional(),
      nodeSelector: selector('Nodes that may take addresses from the pool').default('all()'),
      namespaceSelector: selector('Namespaces whose pods may use the pool', 'any').optional(),
      allowedUses: list(
        choice(['Workload', 'Tunnel', 'LoadBalancer'], 'A use'),
        'What the addresses are for; LoadBalancer stands alone',
        { max: 10, type: 'set', usual: 'Workload and Tunnel' },
      ).optional(),
      assignmentMode: choice(
        ['Automatic', 'Manual'],
        'Manual: only for pods that ask for the pool by annotation',
      ).default('Automatic'),
      natOutgoing: flag(
        'Whether traffic that leaves all pools gets the address of the node',
        'false',
      ).optional(),
      disabled: flag('Whether no more addresses are given out; those in use stay', 'false').optional(),
      disableBGPExport: flag('Whether BGP keeps the routes of this pool to itself', 'false').optional(),
      ipipMode: choice(MODES, 'When to use IP-in-IP, for IPv4 pools', 'Never').optional(),
      vxlanMode: choice(
        MODES,
        'When to use VXLAN: CrossSubnet only between nodes of different subnets',
        'Never',
      ).optional(),
    },
    'The range and how it is used',
    [
      {
        rule: "!has(self.ipipMode) || self.ipipMode == 'Never' || !has(self.vxlanMode) || self.vxlanMode == 'Never'",
        message: 'ipipMode and vxlanMode may not both be on',
      },
      {
        rule: "!has(self.ipipMode) || self.ipipMode == 'Never' || !self.cidr.contains(':')",
        message: 'ipipMode must be Never for IPv6',
      },
      {
        rule: "!has(self.blockSize) || self.blockSize == 0 || (self.cidr.contains(':') ? self.blockSize >= 116 : self.blockSize >= 20 && self.blockSize <= 32)",
        message: 'blockSize must be from 20 to 32 for IPv4 and from 116 to 128 for IPv6',
      },
      {
        rule: `${blockSizeOf('self')} == ${blockSizeOf('oldSelf')}`,
        message: 'blockSize can not be changed: make a new pool and disable this one',
      },
      {
        rule: `cidr(self.cidr).prefixLength() <= ${blockSizeOf('self')}`,
        message: 'cidr must hold at least one block: make blockSize greater or cidr wider',
      },
      { rule: "!self.nodeSelector.contains('global()')", message: 'nodeSelector may not use global()' },
      {
        rule: "!has(self.namespaceSelector) || !self.namespaceSelector.contains('global()')",
        message: 'namespaceSelector may not use global()',
      },
      {
        rule: `${LOAD_BALANCER} || size(self.allowedUses) == 1`,
        message: 'LoadBalancer must be the only use',
      },
      {
        rule: `${LOAD_BALANCER} || (!has(self.ipipMode) || self.ipipMode == 'Never') && (!has(self.vxlanMode) || self.vxlanMode == 'Never')`,
        message: 'a pool for LoadBalancer addresses takes no encapsulation',
      },
      {
        rule: `${LOAD_BALANCER} || self.nodeSelector == 'all()'`,
        message: 'a pool for LoadBalancer addresses must have nodeSelector all()',
      },
      {
        rule: `${LOAD_BALANCER} || !has(self.disableBGPExport) || !self.disableBGPExport`,
        message: 'a pool for LoadBalancer addresses must be exported by BGP',
      },
      {
        rule: "!has(self.namespaceSelector) || !has(self.allowedUses) || !('Tunnel' in self.allowedUses)",
        message: 'a pool for tunnel addresses may not have a namespaceSelector',
      },
    ],
  ),
  status: conditionStatus,
  columns: [
    column('CIDR', '.spec.cidr', 'The range'),
    column('VXLAN', '.spec.vxlanMode', 'When VXLAN is used'),
    column('IPIP', '.spec.ipipMode', 'When IP-in-IP is used'),
    column('NAT', '.spec.natOutgoing', 'Whether outgoing traffic gets the address of the node', 'boolean'),
    column(
      'Allocatable',
      ".status.conditions[?(@.type=='Allocatable')].status",
      'Whether addresses are given out',
    ),
    AGE,
  ],
});
