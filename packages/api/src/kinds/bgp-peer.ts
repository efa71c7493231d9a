import { calicoKind, column } from './kind.ts';
import { asNumber, choice, duration, flag, integer, object, selector, text, texts } from './property.ts';
import { passwordSource } from './secret-key-ref.ts';

const given = (part: string) => `has(self.${part}) && self.${part} != ''`;
const not = (...parts: readonly string[]) => `!(${parts.map(part => `(${given(part)})`).join(' && ')})`;

export const bgpPeer = calicoKind({
  kind: 'BGPPeer',
  plural: 'bgppeers',
  scope: 'Cluster',
  about:
    'A BGP session of one node, of some, or (without node and nodeSelector) of all: with a router, with selected nodes, or with pods.',
  spec: object(
    {
      node: text('The one node that has the session', { max: 253 }).optional(),
      nodeSelector: selector('Nodes that have the session').optional(),
      peerIP: text('Address of the peer: ip, ip:port or [ipv6]:port', { max: 64 }).optional(),
      asNumber: asNumber('AS number of the peer; left out with peerSelector').optional(),
      localASNumber: asNumber("AS number to present instead of the node's own").optional(),
      peerSelector: selector('Nodes to peer with').optional(),
      localWorkloadSelector: selector('Pods on the same node to peer with').optional(),
      reversePeering: text('Auto: the selected nodes build their side by themselves; Manual: they do not', {
        usual: 'Auto',
      }).optional(),
      nextHopMode: choice(['Auto', 'Self', 'Keep'], 'Next hop of what is advertised', 'Auto').optional(),
      keepOriginalNextHop: flag('Old form of nextHopMode Keep, for eBGP only', 'false').optional(),
      password: passwordSource('TCP-MD5 password of the session').optional(),
      sourceAddress: choice(['UseNodeIP', 'None'], 'Own address of the session', 'UseNodeIP').optional(),
      maxRestartTime: duration('How long routes are kept while the peer restarts').optional(),
      keepaliveTime: duration('Time between keepalives', 'a third of the hold time').optional(),
      numAllowedLocalASNumbers: integer('How often the own AS number may appear in a path', {
        usual: '0',
        format: 'int32',
      }).optional(),
      ttlSecurity: integer('How many hops away the peer may be (RFC 5082); 0 is off', {
        usual: '0',
      }).optional(),
      reachableBy: text('Gateway to the peer: a static route for peerIP', { max: 64 }).optional(),
      filters: texts('Names of BGPFilters, asked in this order').optional(),
    },
    'The session',
    [
      { rule: not('node', 'nodeSelector'), message: 'node and nodeSelector may not both be given' },
      { rule: not('peerIP', 'peerSelector'), message: 'peerIP and peerSelector may not both be given' },
      {
        rule: not('peerIP', 'localWorkloadSelector'),
        message: 'peerIP and localWorkloadSelector may not both be given',
      },
      {
        rule: not('peerSelector', 'localWorkloadSelector'),
        message: 'peerSelector and localWorkloadSelector may not both be given',
      },
      {
        rule: `!(${given('peerSelector')}) || !has(self.asNumber) || self.asNumber == 0`,
        message: 'asNumber must be left out with peerSelector: each node has its own',
      },
      {
        rule: `!(${given('localWorkloadSelector')}) || has(self.asNumber) && self.asNumber > 0`,
        message: 'asNumber must be given with localWorkloadSelector',
      },
      { rule: `!(${given('reachableBy')}) || ${given('peerIP')}`, message: 'reachableBy needs peerIP' },
      {
        rule: '!has(self.nextHopMode) || !has(self.keepOriginalNextHop) || !self.keepOriginalNextHop',
        message: 'nextHopMode and keepOriginalNextHop may not both be given',
      },
    ],
  ),
  columns: [
    column('Node Selector', '.spec.nodeSelector', 'Nodes that have the session'),
    column('Node', '.spec.node', 'The one node that has the session'),
    column('Local ASN', '.spec.localASNumber', 'AS number to present', 'integer'),
    column('Peer Selector', '.spec.peerSelector', 'Nodes to peer with'),
    column('Peer IP', '.spec.peerIP', 'Address of the peer'),
    column('Peer ASN', '.spec.asNumber', 'AS number of the peer', 'integer'),
  ],
});
