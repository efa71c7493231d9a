import type { AnyObject } from '@muslin/kube';

/**
 * A Namespace or ServiceAccount as Calico's Profile: `kns.NAME`, which allows everything where no policy applies, or
 * `ksa.NAMESPACE.NAME`; each hands its labels down to pods, with a prefix.
 */
export function profileOf({ kind, metadata }: AnyObject): AnyObject {
  const { name = '', namespace = '', labels = {}, creationTimestamp } = metadata;
  const account = kind === 'ServiceAccount';
  const prefix = account ? 'pcsa.' : 'pcns.';
  const handed = Object.entries({ ...labels, 'projectcalico.org/name': name });
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'Profile',
    metadata: {
      name: account ? `ksa.${namespace}.${name}` : `kns.${name}`,
      ...(creationTimestamp != null && { creationTimestamp }),
    },
    spec: {
      ...(!account && { ingress: [{ action: 'Allow' }], egress: [{ action: 'Allow' }] }),
      labelsToApply: Object.fromEntries(handed.map(([key, value]) => [`${prefix}${key}`, value])),
    },
  };
}
