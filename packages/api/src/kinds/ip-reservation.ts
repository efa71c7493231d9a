import { calicoKind } from './kind.ts';
import { object, texts } from './property.ts';

export const ipReservation = calicoKind({
  kind: 'IPReservation',
  plural: 'ipreservations',
  scope: 'Cluster',
  about: 'Addresses that are never given out by themselves; a pod may still ask for one by annotation.',
  spec: object(
    {
      reservedCIDRs: texts('Prefixes, or single addresses, to leave alone', { type: 'set' }).optional(),
    },
    'The addresses',
  ),
});
