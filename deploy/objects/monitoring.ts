import { NAMESPACE, type Piece } from '../source/tree.ts';
import { value } from '../source/tree.ts';
import { LABELS, podLabels } from './names.ts';

const metadata = { name: 'muslin-node-metrics', namespace: NAMESPACE, labels: podLabels('node') };

export const monitoring: readonly Piece[] = [
  {
    when: ['metrics.enabled'],
    about: 'Names the metrics port of every node.',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        clusterIP: 'None',
        selector: podLabels('node'),
        ports: [{ name: 'metrics', port: value('metrics.port'), targetPort: 'metrics', protocol: 'TCP' }],
      },
    },
  },
  {
    when: ['metrics.enabled', 'metrics.serviceMonitor'],
    about: 'Lets the Prometheus Operator scrape it.',
    object: {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata: { ...metadata, labels: LABELS },
      spec: {
        selector: { matchLabels: podLabels('node') },
        namespaceSelector: { matchNames: [NAMESPACE] },
        endpoints: ['agent', 'speaker'].map(program => ({
          port: 'metrics',
          path: `/metrics/${program}`,
          interval: '30s',
          relabelings: [{ sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' }],
        })),
      },
    },
  },
];
