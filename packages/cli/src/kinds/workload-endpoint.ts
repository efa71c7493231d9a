import { isIPv6 } from 'node:net';
import { workloadInterfaceName } from '@muslin/dataplane';
import type { AnyObject } from '@muslin/kube';
import { listAt, numberAt, textAt, valueAt } from '../files/json.ts';

/**
 * A pod as Calico's WorkloadEndpoint: `<node>-k8s-<pod>-eth0` with every `-` of the parts doubled. Undefined for pods
 * that have none: finished ones, those without a node, and those on the node's own network.
 */
export function workloadEndpointOf(pod: AnyObject): AnyObject | undefined {
  const node = textAt(pod, 'spec', 'nodeName');
  const phase = textAt(pod, 'status', 'phase');
  const { name = '', namespace = '', labels = {}, creationTimestamp } = pod.metadata;
  if (node === undefined || phase === 'Succeeded' || phase === 'Failed') return undefined;
  if (valueAt(pod, 'spec', 'hostNetwork') === true) return undefined;
  const account = textAt(pod, 'spec', 'serviceAccountName') ?? 'default';
  const doubled = (text: string) => text.replaceAll('-', '--');
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'WorkloadEndpoint',
    metadata: {
      name: `${doubled(node)}-k8s-${doubled(name)}-eth0`,
      namespace,
      labels: {
        ...labels,
        'projectcalico.org/namespace': namespace,
        'projectcalico.org/orchestrator': 'k8s',
        ...(account.length < 63 && { 'projectcalico.org/serviceaccount': account }),
      },
      ...(creationTimestamp != null && { creationTimestamp }),
    },
    spec: {
      orchestrator: 'k8s',
      node,
      pod: name,
      endpoint: 'eth0',
      interfaceName: workloadInterfaceName(namespace, name),
      serviceAccountName: account,
      ipNetworks: addressesOf(pod).map(ip => (isIPv6(ip) ? `${ip}/128` : `${ip}/32`)),
      profiles: [`kns.${namespace}`, `ksa.${namespace}.${account}`],
      ports: namedPorts(pod),
    },
  };
}

function addressesOf(pod: AnyObject): readonly string[] {
  const listed = listAt(pod, 'status', 'podIPs').flatMap(ip => textAt(ip, 'ip') ?? []);
  return listed.length > 0 ? listed : [textAt(pod, 'status', 'podIP') ?? []].flat();
}

function namedPorts(pod: AnyObject) {
  return listAt(pod, 'spec', 'containers')
    .flatMap(container => listAt(container, 'ports'))
    .flatMap(port => {
      const name = textAt(port, 'name');
      const number = numberAt(port, 'containerPort');
      if (name === undefined || number === undefined) return [];
      return [{ name, port: number, protocol: textAt(port, 'protocol') ?? 'TCP' }];
    });
}
