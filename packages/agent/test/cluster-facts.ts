import { mustIp } from '@muslin/net';
import { AgentCore, type AgentInput } from '../src/core/agent-core.ts';
import type { LocalEndpoint } from '../src/core/local-endpoint.ts';

/** A Pod of node n1 as the API server knows it; without addresses the kubelet has not told them yet. */
export function podObject(
  name: string,
  uid: string,
  ips: readonly string[] = [],
  labels: object = { app: name },
) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name, uid, labels },
    spec: { nodeName: 'n1', containers: [{ name: 'c' }] },
    status: { phase: 'Running', podIP: ips[0], podIPs: ips.map(ip => ({ ip })) },
  };
}

export const NAMESPACE = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', labels: { team: 'shop' } },
};

/** Lets only pods of an app reach the pods of another on TCP 80. */
export function policyObject(name: string, to: string, from: string) {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'shop', name },
    spec: {
      podSelector: { matchLabels: { app: to } },
      policyTypes: ['Ingress'],
      ingress: [
        { from: [{ podSelector: { matchLabels: { app: from } } }], ports: [{ port: 80, protocol: 'TCP' }] },
      ],
    },
  };
}

/** Denies all that the pods of an app send. */
export function egressDeny(name: string, app: string) {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'shop', name },
    spec: { podSelector: { matchLabels: { app } }, policyTypes: ['Egress'], egress: [] },
  };
}

export function poolObject(name: string, cidr: string, natOutgoing = true) {
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name },
    spec: { cidr, natOutgoing },
  };
}

/** A pod as the plugin made it. */
export function local(
  name: string,
  uid: string,
  ips: readonly string[],
  containerId = `c-${uid}`,
): LocalEndpoint {
  return {
    key: `pod/shop/${name}`,
    containerId,
    uid,
    hostInterface: `msl-${name}`,
    ips: ips.map(mustIp),
    routedBy: 'us',
    ports: [],
  };
}

export function coreOf(inputs: readonly AgentInput[] = [], families: readonly (4 | 6)[] = [4]): AgentCore {
  const core = new AgentCore({ node: 'n1', families, endpointToHostAction: 'Accept' });
  for (const input of inputs) core.tell(input);
  return core;
}

export const object = (value: object): AgentInput => ({ type: 'object', object: value });
export const gone = (value: object): AgentInput => ({ type: 'gone', object: value });
export const here = (endpoint: LocalEndpoint): AgentInput => ({ type: 'local', endpoint });
