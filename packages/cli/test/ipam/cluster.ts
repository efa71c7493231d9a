import { assignFromBlock, attributesOf, type Block, blockToSpec, emptyBlock, type Owner } from '@muslin/ipam';
import { mustIp, mustPrefix } from '@muslin/net';

export const CALICO = '/apis/projectcalico.org/v3';
const BORN = Date.parse('2026-02-28T12:00:00Z');

/** A block with addresses for these owners on these nodes, a day old. */
export function block(
  cidr: string,
  owner: string,
  held: readonly { readonly ip: string; readonly node: string; readonly owner: Owner }[],
  releasedAt: Readonly<Record<string, string>> = {},
) {
  let value: Block = emptyBlock(mustPrefix(cidr), { type: 'host', name: owner }, BORN);
  for (const { ip, node, owner: whose } of held) {
    const handleId = handleOf(whose, node);
    const request = { handleId, secondary: attributesOf(whose, node, BORN), ip: mustIp(ip), cooldownMs: 0 };
    const got = assignFromBlock(value, request, [], BORN);
    if (!got.ok) throw new Error(got.fault.message);
    const at = releasedAt[ip];
    value = got.value.block;
    if (at === undefined) continue;
    const attributes = value.attributes.map((attribute, i) =>
      i === value.allocations[got.value.ordinal]
        ? { handleId: undefined, secondary: attribute.secondary, releasedAt: at }
        : attribute,
    );
    value = { ...value, attributes };
  }
  const name = cidr.replace(/[./]/g, '-');
  return { metadata: { name, resourceVersion: '5' }, spec: blockToSpec(value) };
}

export const podOwner = (name: string): Owner => ({
  type: 'pod',
  namespace: 'web',
  name,
  uid: `uid-${name}`,
});
export const tunnelOwner: Owner = { type: 'tunnel', tunnel: 'vxlanTunnelAddress' };

const handleOf = (owner: Owner, node: string) =>
  owner.type === 'tunnel'
    ? `vxlan-tunnel-addr-${node}`
    : `k8s-pod-network.${owner.type === 'pod' ? owner.name : ''}`;

export const handle = (id: string, counts: Readonly<Record<string, number>>) => ({
  metadata: { name: id, resourceVersion: '6' },
  spec: { handleID: id, block: counts },
});

export const affinity = (node: string, cidr: string) => ({
  metadata: { name: `${node}-${cidr.replace(/[./]/g, '-')}` },
  spec: { cidr, node, state: 'confirmed', type: 'host', deleted: false },
});

export const pod = (name: string, node: string, ip: string) => ({
  metadata: { name, namespace: 'web', uid: `uid-${name}` },
  spec: { nodeName: node, containers: [] },
  status: { phase: 'Running', podIPs: [{ ip }] },
});

const FIRST = '10.1.0.0/28';
const SECOND = '10.1.0.16/28';

/**
 * A pool of 64 addresses: n1's block with web/a, web/gone (n1 lives, the pod does not), web/lender's guest from n2, an
 * address that cools down; n9's block, with web/lost and a tunnel, of a node that is gone.
 */
export const CLUSTER = {
  '/api/v1/nodes': [{ metadata: { name: 'n1' } }, { metadata: { name: 'n2' } }],
  '/api/v1/pods': [pod('a', 'n1', '10.1.0.0'), pod('guest', 'n2', '10.1.0.2')],
  [`${CALICO}/ippools`]: [
    { metadata: { name: 'default' }, spec: { cidr: '10.1.0.0/26', blockSize: 28 } },
    { metadata: { name: 'v6' }, spec: { cidr: 'fd00::/48' } },
  ],
  [`${CALICO}/ipreservations`]: [
    { metadata: { name: 'gateways' }, spec: { reservedCIDRs: ['10.1.0.14/31', '10.1.0.60/30'] } },
  ],
  [`${CALICO}/ipamconfigurations`]: [
    {
      metadata: { name: 'default' },
      spec: { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 0, ipCooldownSeconds: 60 },
    },
  ],
  [`${CALICO}/ipamblocks`]: [
    block(
      FIRST,
      'n1',
      [
        { ip: '10.1.0.0', node: 'n1', owner: podOwner('a') },
        { ip: '10.1.0.1', node: 'n1', owner: podOwner('gone') },
        { ip: '10.1.0.2', node: 'n2', owner: podOwner('guest') },
        { ip: '10.1.0.3', node: 'n1', owner: podOwner('before') },
      ],
      { '10.1.0.3': '2026-03-01T11:59:30Z' },
    ),
    block(SECOND, 'n9', [
      { ip: '10.1.0.16', node: 'n9', owner: podOwner('lost') },
      { ip: '10.1.0.17', node: 'n9', owner: tunnelOwner },
    ]),
  ],
  [`${CALICO}/blockaffinities`]: [affinity('n1', FIRST), affinity('n9', SECOND)],
  [`${CALICO}/ipamhandles`]: [
    ...['a', 'gone', 'guest'].map(name => handle(`k8s-pod-network.${name}`, { [FIRST]: 1 })),
    handle('k8s-pod-network.lost', { [SECOND]: 1 }),
    handle('vxlan-tunnel-addr-n9', { [SECOND]: 1 }),
    handle('k8s-pod-network.dangling', { [SECOND]: 1 }),
  ],
};
