import { type Endpoint, effectiveLabels, matchesSelector, type Policy, type Snapshot } from '@muslin/api';

/**
 * Gives pods that declare no port those that rules for them name, so that a policy about 5432 is not judged by
 * dialling 80. Ranges are dialled at both ends.
 */
export function withLikelyPorts(snapshot: Snapshot): Snapshot {
  const policies = [...snapshot.policies.values()]
    .map(policy => ({ policy, ports: portsOf(policy) }))
    .filter(({ ports }) => ports.length > 0);
  const endpoints = new Map<string, Endpoint>();
  for (const [key, endpoint] of snapshot.endpoints) {
    if (endpoint.declaredPorts.length > 0 || endpoint.hostNetwork) {
      endpoints.set(key, endpoint);
      continue;
    }
    const labels = effectiveLabels(
      endpoint,
      snapshot.namespaces.get(endpoint.namespace),
      snapshot.serviceAccounts.get(`${endpoint.namespace}/${endpoint.serviceAccount}`),
    );
    const declaredPorts = policies
      .filter(({ policy }) => matchesSelector(policy.selector, labels))
      .flatMap(({ ports }) => ports);
    endpoints.set(key, { ...endpoint, declaredPorts });
  }
  return { ...snapshot, endpoints };
}

/** Ports that ingress rules name by number. */
function portsOf(policy: Policy): Endpoint['declaredPorts'] {
  if (!policy.directions.has('ingress')) return [];
  return policy.ingress.flatMap(({ protocol = 6, destination }) =>
    (destination.ports ?? []).flatMap(port =>
      'name' in port ? [] : [...new Set([port.first, port.last])].map(number => ({ protocol, port: number })),
    ),
  );
}
