import * as z from 'zod';
import { calicoKind } from './kind.ts';
import { choice, duration, integer, labels, list, object, text, texts } from './property.ts';

const reconciled = (what: string) =>
  object(
    { reconcilerPeriod: duration('Time between full comparisons', '5m').optional() },
    `Copies ${what}; only needed with an etcd datastore, which Muslin does not have`,
  ).optional();

const template = object(
  {
    generateName: text('First part of the name; the name of the node follows', { max: 253 }).optional(),
    interfaceCIDRs: texts('Prefixes that hold the addresses of the interfaces').optional(),
    interfacePattern: text('Regular expression for the names of the interfaces').optional(),
    labels: labels('Labels of the host endpoints').optional(),
    annotations: labels('Annotations of the host endpoints').optional(),
    nodeSelector: text('Nodes that get such a host endpoint').optional(),
  },
  'A kind of host endpoint',
);

const controllers = object(
  {
    node: object(
      {
        reconcilerPeriod: duration('Time between full comparisons', '5m').optional(),
        syncLabels: choice(
          ['Enabled', 'Disabled'],
          'Whether labels of Nodes are copied',
          'Enabled',
        ).optional(),
        leakGracePeriod: duration('How long an address must look lost before it is freed', '15m').optional(),
        hostEndpoint: object(
          {
            autoCreate: choice(
              ['Enabled', 'Disabled'],
              'Whether every node gets host endpoints',
              'Disabled',
            ).optional(),
            createDefaultHostEndpoint: text('Whether one for all interfaces is among them', {
              usual: 'Enabled',
            }).optional(),
            templates: list(template, 'Further ones').optional(),
          },
          'Host endpoints that are made by themselves',
        ).optional(),
      },
      'Looks after nodes and frees lost addresses',
    ).optional(),
    policy: reconciled('policies'),
    workloadEndpoint: reconciled('pods'),
    serviceAccount: reconciled('service accounts'),
    namespace: reconciled('namespaces'),
    loadBalancer: object(
      {
        assignIPs: choice(
          ['AllServices', 'RequestedServicesOnly'],
          'Which Services of type LoadBalancer get an address',
        ).default('AllServices'),
      },
      'Gives addresses to Services of type LoadBalancer',
    ).optional(),
    migration: object(
      {
        policyNameMigrator: choice(
          ['Disabled', 'Enabled'],
          'Whether policies with names of old Calico versions are renamed',
        ).default('Enabled'),
      },
      'Brings stored objects up to date',
    ).optional(),
  },
  'Settings of each controller',
);

const settings = {
  controllers,
  logSeverityScreen: choice(
    ['None', 'Debug', 'Info', 'Warning', 'Error', 'Fatal', 'Panic'],
    'Least severity that is logged',
    'Info',
  ).optional(),
  healthChecks: choice(['Enabled', 'Disabled'], 'Whether health is reported').default('Enabled'),
  prometheusMetricsPort: integer('Port of the metrics; 0: none', {
    least: 0,
    most: 65_535,
    usual: '9094',
  }).optional(),
  debugProfilePort: integer('Port of the profiler', { least: 0, most: 65_535, format: 'int32' }).optional(),
  etcdV3CompactionPeriod: duration(
    'Time between compactions of etcd, which Muslin does not have',
    '10m',
  ).optional(),
};

export const kubeControllersConfiguration = calicoKind({
  kind: 'KubeControllersConfiguration',
  plural: 'kubecontrollersconfigurations',
  shortNames: ['kcc', 'kccs'],
  scope: 'Cluster',
  about: 'What the controllers do; one object, called default.',
  spec: object(settings, 'The settings'),
  status: z
    .object({
      runningConfig: object(settings, 'The settings in effect').optional(),
      environmentVars: labels('Environment variables that override them').optional(),
    })
    .meta({ description: 'What is in effect' }),
});
