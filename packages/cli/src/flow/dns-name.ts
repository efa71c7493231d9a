import type { Snapshot } from '@muslin/api';
import { parseIp, sameIp } from '@muslin/net';
import type { NamedEnd } from './flow-end.ts';

/**
 * What a name of the cluster's DNS stands for (Kubernetes DNS specification §2): a Service, `db.shop[.svc[.cluster.local]]`; one
 * pod behind it, `db-0.db.shop.svc`; a pod by its address, `10-1-2-3.shop.pod`. What is none of these is left as it is.
 */
export function settleName(end: NamedEnd, { services, endpoints }: Snapshot): NamedEnd {
  if (end.kind !== 'dns') return end;
  const labels = end.text.replace(/\.$/, '').split('.');
  const kind = labels.findIndex((label, i) => i >= 2 && (label === 'svc' || label === 'pod'));
  const [name = '', second = '', third = ''] = labels;
  if (labels[kind] === 'pod') return atAddress(name, second, endpoints) ?? end;
  const whole = kind < 0 ? labels.length : kind;
  if (whole === 2 && services.has(`${second}/${name}`)) return { kind: 'service', namespace: second, name };
  const behind = whole === 3 && services.has(`${third}/${second}`) && endpoints.has(`pod/${third}/${name}`);
  if (behind) return { kind: 'pod', namespace: third, name };
  const pod = end.home !== undefined && endpoints.has(`pod/${end.home}/${end.text}`);
  return pod ? { kind: 'pod', namespace: end.home, name: end.text } : end;
}

function atAddress(
  dashed: string,
  namespace: string,
  endpoints: Snapshot['endpoints'],
): NamedEnd | undefined {
  const parsed = [dashed.replaceAll('-', '.'), dashed.replaceAll('-', ':')]
    .map(text => parseIp(text))
    .find(({ ok }) => ok);
  if (parsed?.ok !== true) return undefined;
  const { value: ip } = parsed;
  for (const pod of endpoints.values())
    if (pod.namespace === namespace && pod.ips.some(own => sameIp(own, ip))) return { kind: 'ip', ip };
  return undefined;
}
