import { each, item, map, text, type Tree, value, when } from '../source/tree.ts';
import { BIN, RUN_DIR } from './names.ts';

export const image = {
  image: text({ setting: 'image.repository' }, ':', { setting: 'image.tag' }),
  imagePullPolicy: value('image.pullPolicy'),
};

export const pullSecrets = each('image.pullSecrets', { name: item('string') });

/** Root of the node, but with these capabilities alone. */
export const rootWith = (...capabilities: readonly string[]): { readonly [key: string]: Tree } => ({
  runAsUser: 0,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'], ...(capabilities.length === 0 ? {} : { add: capabilities }) },
});

/** What people add to a program: variables, and options after ours. */
export const extraEnv = (program: 'agent' | 'speaker' | 'controller'): Tree =>
  each(`${program}.env`, item('record'));
export const extraArgs = (program: 'agent' | 'speaker' | 'controller'): Tree =>
  each(`${program}.args`, item('string'));

export const resourcesOf = (program: 'agent' | 'speaker' | 'controller' | 'metrics'): Tree => ({
  requests: map(`${program}.resources.requests`),
  limits: map(`${program}.resources.limits`),
});

/** Runs a program of the image. */
export const program = (name: string, ...args: readonly Tree[]): readonly Tree[] => [
  'node',
  `${BIN}/${name}.mjs`,
  ...args,
];

/**
 * Probes ask the program itself over its socket, and only about itself. A BGP peer that is down, or an API server
 * that is away, is no reason to restart what carries traffic.
 */
export const probes = (socket: string, ready: string): { readonly [key: string]: Tree } => {
  const ask = (...args: readonly string[]): Tree => ({
    exec: { command: [`${BIN}/probe`, `${RUN_DIR}/${socket}`, ...args] },
    timeoutSeconds: 5,
    failureThreshold: 3,
  });
  return {
    startupProbe: { ...(ask('/healthz') as object), periodSeconds: 2, failureThreshold: 60 },
    livenessProbe: { ...(ask('/healthz') as object), periodSeconds: 20 },
    readinessProbe: { ...(ask('/v1/status', ready) as object), periodSeconds: 10 },
  };
};

/** Serves the metrics of the programs of a pod over TCP. Their sockets belong to the user that it runs as, too. */
export const metricsDoor = (securityContext: Tree): Tree =>
  when('metrics.enabled', {
    name: 'metrics',
    ...image,
    command: program('metrics-door', '--port', text({ setting: 'metrics.port' }), '--run-dir', RUN_DIR),
    securityContext,
    ports: [{ name: 'metrics', containerPort: value('metrics.port'), protocol: 'TCP' }],
    resources: resourcesOf('metrics'),
    volumeMounts: [{ name: 'run', mountPath: RUN_DIR, readOnly: true }],
  });
