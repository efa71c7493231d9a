import { stringify } from 'yaml';

/** A kubeconfig file with one cluster, one user and one context, all named `name`. */
export function kubeconfigText(options: {
  readonly server: string;
  readonly caPem: string;
  readonly token: string;
  readonly name: string;
}): string {
  const { server, caPem, token, name } = options;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name, cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  });
}
