import type { Direction, PeerMatch } from '../model/policy.ts';
import type { Selector } from '../model/selector.ts';
import { NOTHING } from '../selector/normal-form.ts';
import { readPrefixes } from './address-field.ts';
import type { Field } from './field.ts';
import { inNamespaces, podsWhere, readLabelSelector } from './selector-field.ts';

/** Which pods a subject or peer with `namespaces` or `pods` means; undefined when it has neither. */
export function readPodsOf(place: Field): Selector | undefined {
  const [namespaces, pods] = [place.at('namespaces'), place.at('pods')];
  if (namespaces.present && pods.present) place.invalid('must have namespaces or pods, not both');
  if (namespaces.present) return podsWhere(undefined, inNamespaces(readLabelSelector(namespaces) ?? NOTHING));
  if (!pods.present) return undefined;
  for (const part of ['namespaceSelector', 'podSelector'])
    if (!pods.at(part).present) pods.at(part).invalid('must be given; {} means all');
  const where = inNamespaces(readLabelSelector(pods.at('namespaceSelector')) ?? NOTHING);
  return podsWhere(readLabelSelector(pods.at('podSelector')), where);
}

/**
 * A peer of a cluster policy (policy.networking.k8s.io); undefined, with a finding, when it can't be honoured and the
 * rule must fail closed.
 */
export function readClusterPeer(peer: Field, direction: Direction): PeerMatch | undefined {
  const kinds = peer.keys();
  if (kinds.length > 1) return peer.invalid('must have exactly one field');
  const selector = readPodsOf(peer);
  if (selector !== undefined) return { selector };
  if (direction === 'egress' && kinds[0] === 'networks') {
    const nets = readPrefixes(peer.at('networks').items());
    return nets === undefined ? peer.at('networks').invalid('must have at least one prefix') : { nets };
  }
  if (direction === 'egress' && kinds[0] === 'nodes')
    return { nodes: readLabelSelector(peer.at('nodes')) ?? NOTHING };
  const known = direction === 'ingress' ? 'namespaces or pods' : 'namespaces, pods, nodes or networks';
  return peer.unhonoured(
    `${kinds[0] ?? 'an empty peer'} is not supported (only ${known}); a rule that allows matches nothing with it, others deny all`,
  );
}
