import { map, NAMESPACE, type Piece, value } from '../source/tree.ts';
import { podLabels } from './names.ts';

/** What lets the metrics of one kind of pod be found and scraped. */
function metricsOf(component: 'node' | 'controller', programs: readonly string[]): readonly Piece[] {
  const labels = podLabels(component);
  const metadata = { name: `muslin-${component}-metrics`, namespace: NAMESPACE, labels };
  return [
    {
      when: ['metrics.enabled'],
      about: `Names the metrics port of every pod of muslin-${component}.`,
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: {
          clusterIP: 'None',
          selector: labels,
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
        metadata: { ...metadata, labels: { ...labels, '...': map('metrics.serviceMonitorLabels') } },
        spec: {
          selector: { matchLabels: labels },
          namespaceSelector: { matchNames: [NAMESPACE] },
          endpoints: programs.map(program => ({
            port: 'metrics',
            path: `/metrics/${program}`,
            interval: value('metrics.interval'),
            relabelings: [{ sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' }],
          })),
        },
      },
    },
  ];
}

export const monitoring: readonly Piece[] = [
  ...metricsOf('node', ['agent', 'speaker']),
  ...metricsOf('controller', ['controller']),
];
