import { conditionStatus } from './condition.ts';
import * as z from 'zod';
import { calicoKind } from './kind.ts';
import { labelSelector } from './label-selector.ts';
import { stagedParts } from './policy-spec.ts';
import { integer, list, object, text, texts } from './property.ts';

const peer = object(
  {
    podSelector: labelSelector('Pods; of the own namespace unless namespaceSelector is given').optional(),
    namespaceSelector: labelSelector('Namespaces of the pods').optional(),
    ipBlock: object(
      {
        cidr: text('Prefix that holds the address'),
        except: texts('Smaller parts of it that do not count', { type: 'atomic' }).optional(),
      },
      'Addresses; not together with selectors',
    ).optional(),
  },
  'Whom the traffic comes from or goes to',
);

/** Kubernetes' own ports take any int-or-string, so no pattern stands here. */
const port = object(
  {
    protocol: text('TCP, UDP or SCTP', { usual: 'TCP' }).optional(),
    port: z
      .union([z.int(), z.string()])
      .meta({ description: 'A port or a port name', 'x-kubernetes-int-or-string': true })
      .optional(),
    endPort: integer('Last port of a range that begins at port', { format: 'int32' }).optional(),
  },
  'Ports of one protocol',
);

const ports = list(port, 'Ports at the destination; none means any', { type: 'atomic' }).optional();

export const stagedKubernetesNetworkPolicy = calicoKind({
  kind: 'StagedKubernetesNetworkPolicy',
  plural: 'stagedkubernetesnetworkpolicies',
  shortNames: ['sknp'],
  scope: 'Namespaced',
  about: 'A Kubernetes NetworkPolicy on trial: evaluated and explained, never enforced.',
  spec: object(
    {
      ...stagedParts,
      podSelector: labelSelector('Pods of this namespace that the policy applies to').optional(),
      policyTypes: list(z.string(), 'Ingress, Egress or both', {
        min: 1,
        max: 2,
        usual: 'Ingress, and Egress when there are egress rules',
      }).optional(),
      ingress: list(
        object(
          { from: list(peer, 'Allowed peers; none means anyone').optional(), ports },
          'Traffic that is allowed',
        ),
        'What the pods may receive',
      ).optional(),
      egress: list(
        object(
          { to: list(peer, 'Allowed peers; none means anyone').optional(), ports },
          'Traffic that is allowed',
        ),
        'What the pods may send',
      ).optional(),
    },
    'The policy',
  ),
  status: conditionStatus,
});
