import { type Piece, value } from '../source/tree.ts';
import { LABELS } from './names.ts';

export const pool: readonly Piece[] = [
  {
    when: ['pool.cidr'],
    about: 'The first pool. Its routes travel by BGP, without a tunnel.',
    object: {
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: {
        name: 'default-ipv4-ippool',
        labels: LABELS,
        // Pods live in it: taking the chart away, or the setting, is no wish to lose it.
        annotations: { 'helm.sh/resource-policy': 'keep' },
      },
      spec: {
        cidr: value('pool.cidr'),
        blockSize: value('pool.blockSize'),
        natOutgoing: value('pool.natOutgoing'),
      },
    },
  },
];
