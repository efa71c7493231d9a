import type { AnyObject } from '@muslin/kube';
import { BGP_NODE_STATUS, peersOfStatus } from '../bgp/node-status.ts';
import { listAt, textAt, valueAt } from '../files/json.ts';
import { formatAge } from '../output/age.ts';
import { shown } from './address-kinds.ts';
import { type KindRow, NAME } from './kind-row.ts';

const rules = (head: string, field: string) => ({
  head,
  cell: (filter: AnyObject) => listAt(filter, 'spec', field).length,
});

function establishedOf(status: AnyObject): string {
  const peers = peersOfStatus(status);
  return `${peers.filter(peer => peer.state === 'Established').length}/${peers.length}`;
}

/** The sessions that a BGPPeerPolicy is for, in few words. */
function sessionsOf(policy: AnyObject): string {
  const at = (field: string) => listAt(policy, 'spec', field);
  const names = at('peerNames').join(',');
  const selector = textAt(policy, 'spec', 'peerSelector');
  return [
    ...(names === '' ? [] : [names]),
    ...(selector === undefined ? [] : [selector]),
    ...(valueAt(policy, 'spec', 'nodeMesh') === true ? ['node mesh'] : []),
    ...at('listenRanges').map(range => String((range as { readonly cidr?: string }).cidr)),
    ...at('interfaces').map(link => `%${String((link as { readonly name?: string }).name)}`),
  ].join(' ');
}

function bfdOf(policy: AnyObject): string {
  const bfd = valueAt(policy, 'spec', 'bfd') as
    | { readonly intervalMilliseconds?: number; readonly detectMultiplier?: number }
    | undefined;
  return bfd === undefined ? '' : `${bfd.intervalMilliseconds ?? 300}ms×${bfd.detectMultiplier ?? 3}`;
}

/** Who speaks BGP with whom, and what passes. */
export const ROUTING_KINDS: readonly KindRow[] = [
  {
    names: ['bgppeers', 'bgppeer', 'bgpp', 'bgpps', 'bp'],
    resources: ['BGPPeer'],
    namespaced: false,
    columns: () => [
      NAME,
      {
        head: 'PEERIP',
        cell: peer => textAt(peer, 'spec', 'peerIP') ?? textAt(peer, 'spec', 'peerSelector'),
      },
      {
        head: 'NODE',
        cell: peer => textAt(peer, 'spec', 'node') ?? textAt(peer, 'spec', 'nodeSelector') ?? '(global)',
      },
      { head: 'ASN', cell: peer => shown(valueAt(peer, 'spec', 'asNumber')) },
      { head: 'FILTERS', wide: true, cell: peer => listAt(peer, 'spec', 'filters').join(',') },
    ],
  },
  {
    names: ['bgppeerpolicies', 'bgppeerpolicy', 'bgppp'],
    resources: ['BGPPeerPolicy'],
    namespaced: false,
    columns: () => [
      NAME,
      { head: 'ORDER', cell: policy => shown(valueAt(policy, 'spec', 'order') ?? 1000) },
      { head: 'FOR', cell: sessionsOf },
      { head: 'NODES', cell: policy => textAt(policy, 'spec', 'nodeSelector') ?? 'all()' },
      { head: 'HOLD', cell: policy => shown(valueAt(policy, 'spec', 'holdTimeSeconds')) },
      { head: 'BFD', cell: bfdOf },
    ],
  },
  {
    names: ['bgpconfigurations', 'bgpconfiguration', 'bgpconfigs', 'bgpconfig', 'bgpc'],
    resources: ['BGPConfiguration'],
    namespaced: false,
    columns: () => [
      NAME,
      { head: 'LOGSEVERITY', cell: object => textAt(object, 'spec', 'logSeverityScreen') },
      { head: 'MESHENABLED', cell: object => shown(valueAt(object, 'spec', 'nodeToNodeMeshEnabled')) },
      { head: 'ASNUMBER', cell: object => shown(valueAt(object, 'spec', 'asNumber')) },
    ],
  },
  {
    names: ['bgpfilters', 'bgpfilter', 'bgpf', 'bf'],
    resources: ['BGPFilter'],
    namespaced: false,
    columns: () => [
      NAME,
      rules('NUMEXPORTV4', 'exportV4'),
      rules('NUMIMPORTV4', 'importV4'),
      rules('NUMEXPORTV6', 'exportV6'),
      rules('NUMIMPORTV6', 'importV6'),
    ],
  },
  {
    names: ['bgpnodestatuses', 'bgpnodestatus', 'bgpns'],
    resources: [BGP_NODE_STATUS],
    namespaced: false,
    columns: (_, now) => [
      NAME,
      { head: 'ROUTERID', cell: object => textAt(object, 'status', 'routerID') },
      { head: 'ASN', cell: object => shown(valueAt(object, 'status', 'asNumber')) },
      { head: 'ESTABLISHED', cell: establishedOf },
      { head: 'ROUTES', cell: object => shown(valueAt(object, 'status', 'routesLearned')) },
      { head: 'UPDATED', cell: object => formatAge(textAt(object, 'status', 'lastUpdated'), now) },
    ],
  },
];
