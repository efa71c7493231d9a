import { calicoKind } from './kind.ts';
import { object, texts } from './property.ts';

const spec = object(
  { nets: texts('Prefixes and single addresses', { type: 'set' }).optional() },
  'The addresses',
);

export const networkSet = calicoKind({
  kind: 'NetworkSet',
  plural: 'networksets',
  scope: 'Namespaced',
  about:
    'Addresses under labels, so that rules of this namespace (or others by namespaceSelector) can select them.',
  spec,
});

export const globalNetworkSet = calicoKind({
  kind: 'GlobalNetworkSet',
  plural: 'globalnetworksets',
  shortNames: ['gns'],
  scope: 'Cluster',
  about: 'Addresses under labels, outside of any namespace, so that rules can select them.',
  spec,
});
