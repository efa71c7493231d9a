import { familyOf, formatPrefix, prefixCovers } from '@muslin/net';
import type { PeerMatch } from '../model/policy.ts';
import { missing, readPrefix } from './address-field.ts';
import type { Field } from './field.ts';
import { inNamespace, inNamespaces, podsWhere, readLabelSelector } from './selector-field.ts';

/**
 * A NetworkPolicyPeer (networking.k8s.io/v1): podSelector alone means the policy's own namespace, namespaceSelector
 * alone all pods of those namespaces, both together both; ipBlock the packet's address, whoever has it.
 */
export function readKubernetesPeer(peer: Field, namespace: string): PeerMatch {
  const [ipBlock, pods, namespaces] = [
    peer.at('ipBlock'),
    peer.at('podSelector'),
    peer.at('namespaceSelector'),
  ];
  // Without what nobody here understands the peer would mean more than was written.
  if (peer.strange(['ipBlock', 'podSelector', 'namespaceSelector'])) return { nets: [] };
  if (ipBlock.present) {
    if (pods.present || namespaces.present)
      peer.invalid('may not have ipBlock together with podSelector or namespaceSelector: use two peers');
    return readIpBlock(ipBlock);
  }
  if (!pods.present && !namespaces.present)
    peer.invalid('must have podSelector, namespaceSelector or ipBlock; leave the list out to mean anyone');
  const podSelector = pods.present ? readLabelSelector(pods) : undefined;
  const namespaceSelector = namespaces.present ? readLabelSelector(namespaces) : undefined;
  const where = namespaceSelector ? inNamespaces(namespaceSelector) : inNamespace(namespace);
  return { selector: podsWhere(podSelector, where) };
}

function readIpBlock(ipBlock: Field): PeerMatch {
  const field = ipBlock.at('cidr');
  const cidr = readPrefix(field);
  if (cidr === undefined) {
    if (!field.present) field.invalid('must be a prefix such as 10.0.0.0/8');
    return { nets: [] };
  }
  const notNets = ipBlock
    .at('except')
    .items()
    .flatMap(item => {
      const except = readPrefix(item);
      if (except === undefined) return missing(item);
      if (!prefixCovers(cidr, except) || except.length === cidr.length)
        item.invalid(`must be a smaller part of ${formatPrefix(cidr)}`);
      return familyOf(except) === familyOf(cidr) ? [except] : [];
    });
  return notNets.length > 0 ? { nets: [cidr], notNets } : { nets: [cidr] };
}
