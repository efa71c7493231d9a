import { calicoKind, column } from './kind.ts';
import { flag, object, text } from './property.ts';

export const clusterInformation = calicoKind({
  kind: 'ClusterInformation',
  plural: 'clusterinformations',
  shortNames: ['clusterinfo', 'clusterinfos'],
  scope: 'Cluster',
  about: 'What the cluster is; one object, called default.',
  spec: object(
    {
      clusterGUID: text('Identity of the cluster').optional(),
      clusterType: text('What it is made of, separated by commas').optional(),
      calicoVersion: text('Version of what serves this API').optional(),
      datastoreReady: flag('False while a migration must not be disturbed').optional(),
      variant: text('Edition').optional(),
    },
    'The facts',
  ),
  columns: [
    column('Version', '.spec.calicoVersion', 'Version of what serves this API'),
    column('Ready', '.spec.datastoreReady', 'Whether changes are allowed', 'boolean'),
    column('Types', '.spec.clusterType', 'What the cluster is made of'),
  ],
});
