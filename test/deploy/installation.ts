import { PARTS } from '../../deploy/files.ts';
import { uninstall } from '../../deploy/objects/uninstall.ts';
import { evaluatePieces } from '../../deploy/source/evaluate.ts';
import { valuesWith } from '../../deploy/source/settings.ts';

// biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds
export type Manifest = any;

/** Settings that people would make; each must give objects that hold together. */
export const CASES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'as it comes': {},
  'everything on': {
    'image.repository': 'registry.example.org:5000/net/muslin',
    'image.tag': '1.2.3@sha256:0123456789abcdef',
    'image.pullSecrets': ['first', 'second'],
    'apiServer.host': '2001:db8::1',
    'apiServer.port': 8443,
    'node.privileged': true,
    'cni.mtu': 8900,
    'pool.cidr': '10.244.0.0/16',
    'metrics.enabled': true,
    'metrics.serviceMonitor': true,
    'fanout.enabled': true,
    'fanout.port': 9999,
    'speaker.passwordSecrets': ['tor', 'say "hi" to %s'],
    'networkPolicy.apiServerPorts': [8443],
    'node.tolerations': [
      { key: 'edge', operator: 'Equal', value: 'no-1', effect: 'NoExecute' },
      { operator: 'Exists' },
    ],
    'node.maxUnavailable': 5,
    'node.podLabels': { team: 'net', 'example.org/a': 'b-1' },
    'node.podAnnotations': { 'example.org/note': 'a: "b" %s' },
    'agent.env': [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=512' }],
    'agent.args': ['--keep-addresses', '32'],
    'speaker.args': ['--journal=/var/lib/muslin/journal'],
    'controller.nodeSelector': { 'example.org/infra': 'true' },
    'controller.env': [
      { name: 'HTTPS_PROXY', value: 'http://192.0.2.1:3128' },
      { name: 'NO_PROXY', value: '10.0.0.0/8' },
    ],
    'metrics.serviceMonitorLabels': { release: 'prometheus' },
    'metrics.interval': '1m',
  },
  'as little as possible': {
    'node.nodeSelector': {},
    'agent.resources.requests': {},
    'agent.resources.limits': {},
    'controller.replicas': 1,
    'controller.nodeSelector': {},
    'controller.tolerations': [],
    'node.tolerations': [],
    'networkPolicy.enabled': false,
    // On its own it does nothing: there would be nothing to scrape.
    'metrics.serviceMonitor': true,
  },
};

/** All objects of an installation with these settings, and of the way out. */
export function objectsOf(
  changes: Readonly<Record<string, unknown>>,
  namespace = 'kube-system',
): readonly Manifest[] {
  const context = { values: valuesWith(changes), namespace };
  return [...Object.values(PARTS), uninstall].flatMap(pieces => evaluatePieces(pieces, context));
}

export const nameOf = (object: Manifest): string => `${object.kind} ${object.metadata.name}`;
export const kindOf = (object: Manifest): string => `${object.apiVersion} ${object.kind}`;
/** Pod template of what has one. */
export const podOf = (object: Manifest): Manifest | undefined => object.spec?.template;
export const containersOf = (object: Manifest): readonly Manifest[] => [
  ...(podOf(object)?.spec.initContainers ?? []),
  ...(podOf(object)?.spec.containers ?? []),
];
