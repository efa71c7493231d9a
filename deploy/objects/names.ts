import { type Tree, text, value, when } from '../source/tree.ts';

/** Labels that every object of ours has. */
export const LABELS = { 'app.kubernetes.io/name': 'muslin' };

/** Labels of the pods of one part, and what selects them. */
export const podLabels = (component: 'node' | 'controller' | 'uninstall') => ({
  ...LABELS,
  'app.kubernetes.io/component': component,
});

/** Where nodes keep sockets, and what must outlive a reboot; both programs' defaults. */
export const RUN_DIR = '/run/muslin';
export const STATE_DIR = '/var/lib/muslin';
/** Inside the image. */
export const BIN = '/opt/muslin/bin';

/** The API server's address where the kubernetes Service doesn't work before kube-proxy does. */
export const apiServerEnv: readonly Tree[] = [
  when('apiServer.host', { name: 'KUBERNETES_SERVICE_HOST', value: value('apiServer.host') }),
  when('apiServer.host', {
    name: 'KUBERNETES_SERVICE_PORT',
    value: text({ setting: 'apiServer.port' }),
  }),
];
