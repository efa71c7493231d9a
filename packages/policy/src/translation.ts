import type { ServiceFacts } from '@muslin/api';
import { fail, formatIp, type Ip, ok, type Result } from '@muslin/net';
import type { Flow, FlowFault } from './flow.ts';
import { formatService } from './protocol-name.ts';

/** Where a connection to a Service may end up. */
export interface Translation {
  /** Nothing is translated: the name resolves to the pods, and the caller dials its port there. */
  readonly headless: boolean;
  /** Addresses that the caller may dial, preferred first. */
  readonly dialled: readonly Ip[];
  readonly backends: readonly {
    readonly ip: Ip;
    /** The port after translation. */
    readonly port: number | undefined;
    readonly ready: boolean;
  }[];
}

/**
 * Where a Service is dialled: inside, at an address for those outside (a load balancer's, `externalIPs`), or at one of
 * its ports on a node.
 */
export type Door =
  | { readonly kind: 'inside' }
  | { readonly kind: 'outside' }
  | { readonly kind: 'node'; readonly node: string };

/** What a Service makes of a flow that dials it, by name or address. */
export function translate(
  service: ServiceFacts,
  flow: Flow,
  door: Door = { kind: 'inside' },
): Result<Translation, FlowFault> {
  if (service.externalName !== undefined) return fail(onlyAName(service));
  if (service.clusterIps.length === 0) return ok(headless(service, flow));
  const port = service.ports.find(
    p => p.protocol === flow.protocol && (door.kind === 'node' ? p.nodePort : p.port) === flow.port,
  );
  if (port === undefined) return fail(noSuchPort(service, flow));
  return ok({
    headless: false,
    dialled: 'ip' in flow.to ? [flow.to.ip] : service.clusterIps,
    backends: service.backends.filter(b => b.protocol === flow.protocol && b.portName === port.name),
  });
}

function headless(service: ServiceFacts, { port }: Flow): Translation {
  // DNS names only what is ready, so that comes first.
  const readyFirst = [...service.backends].sort((a, b) => Number(b.ready) - Number(a.ready));
  const byAddress = new Map<string, Translation['backends'][number]>();
  for (const { ip, ready } of readyFirst) {
    const address = formatIp(ip);
    if (!byAddress.has(address)) byAddress.set(address, { ip, port, ready });
  }
  const backends = [...byAddress.values()];
  return { headless: true, dialled: backends.map(backend => backend.ip), backends };
}

function onlyAName({ key, externalName }: ServiceFacts): FlowFault {
  return {
    code: 'ServiceIsAName',
    service: key,
    message: `Service ${key} is only another name for ${externalName}, which is outside the cluster: ask about an address of it.`,
  };
}

function noSuchPort(service: ServiceFacts, flow: Flow): FlowFault {
  const offered = service.ports.map(p => formatService(p.protocol, p.port)).join(', ') || 'none';
  return {
    code: 'ServiceHasNoSuchPort',
    service: service.key,
    message: `Service ${service.key} does not serve ${formatService(flow.protocol, flow.port)}; its ports are: ${offered}.`,
  };
}
