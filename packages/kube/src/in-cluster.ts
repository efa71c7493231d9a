import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok, type Result } from '@muslin/net';
import type { ConfigFault, Connection } from './connection.ts';
import { type KubeconfigOptions, loadKubeconfig } from './kubeconfig.ts';

/** Where a pod finds its service account (Kubernetes "Accessing the API from within a Pod"). */
const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What tells a pod where the API server is. */
export interface InClusterOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
}

/**
 * The connection of a pod: `KUBERNETES_SERVICE_HOST` and `_PORT`, and the mounted service account, whose token is
 * read again whenever the kubelet rotates it.
 */
export function inClusterConnection(options: InClusterOptions = {}): Result<Connection, ConfigFault> {
  const env = options.env ?? process.env;
  const directory = options.directory ?? SERVICE_ACCOUNT_DIRECTORY;
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (host === undefined || host === '' || port === undefined || port === '')
    return fail({
      code: 'no-config',
      file: directory,
      field: 'KUBERNETES_SERVICE_HOST',
      message: 'not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set',
    });
  const token = join(directory, 'token');
  for (const file of [token, join(directory, 'ca.crt')])
    if (!existsSync(file))
      return fail({
        code: 'unreadable',
        file,
        field: '',
        message: `${file} is missing: does the pod set automountServiceAccountToken: false?`,
      });
  return ok({
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: namespaceIn(directory),
    source: `service account in ${directory}`,
    ca: { file: join(directory, 'ca.crt') },
    serverName: undefined,
    insecure: false,
    clientCert: undefined,
    bearer: { type: 'tokenFile', file: token },
  });
}

/** A kubeconfig where one is named or found, the pod's own service account otherwise. */
export function loadConnection(
  options: KubeconfigOptions & InClusterOptions = {},
): Result<Connection, ConfigFault> {
  const configured = loadKubeconfig(options);
  if (configured.ok || configured.fault.code !== 'no-config') return configured;
  const inside = inClusterConnection(options);
  return inside.ok || inside.fault.code !== 'no-config' ? inside : configured;
}

function namespaceIn(directory: string): string {
  try {
    return readFileSync(join(directory, 'namespace'), 'utf8').trim() || 'default';
  } catch {
    return 'default';
  }
}
