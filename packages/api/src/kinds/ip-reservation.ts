import { calicoKind } from './kind.ts';
import { cidr, list, object } from './property.ts';

export const ipReservation = calicoKind({
  kind: 'IPReservation',
  plural: 'ipreservations',
  scope: 'Cluster',
  about: 'Addresses that are never given out by themselves; a pod may still ask for one by annotation.',
  spec: object(
    {
      reservedCIDRs: list(cidr('A prefix'), 'Prefixes to leave alone', { type: 'set' }).optional(),
    },
    'The addresses',
  ),
});
