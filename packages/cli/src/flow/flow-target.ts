import type { Snapshot } from '@muslin/api';
import { fail, ok, type Result } from '@muslin/net';
import { type NamedEnd, parseFlowEnd } from './flow-end.ts';
import { hasPorts, protocolName, protocolNumber } from './protocol.ts';

/** Where a flow goes, as typed: the port may still be a name. */
export interface FlowTarget {
  readonly end: NamedEnd;
  readonly port: number | string | undefined;
  readonly protocol: number;
}

/**
 * Reads `shop/db-1:5432/tcp`, `svc/shop/db:postgres`, `[2001:db8::1]:53/udp`, `shop/db-1:icmp`.
 *
 *     target = end [ ":" ( port [ "/" protocol ] / protocol-without-ports ) ]
 */
export function parseFlowTarget(text: string, namespace: string): Result<FlowTarget, string> {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::([^:/]+)(?:\/([^/]+))?)?$/.exec(text);
  // A bare IPv6 address has colons, and no port.
  const [, endText = text, portText, protocolText] = parts ?? [];
  const end = parseFlowEnd(endText, namespace);
  if (!end.ok) return end;
  const alone = portText !== undefined && protocolText === undefined ? protocolNumber(portText) : undefined;
  if (alone !== undefined && !hasPorts(alone) && !/^\d/.test(portText ?? ''))
    return ok({ end: end.value, port: undefined, protocol: alone });
  const protocol = protocolNumber(protocolText ?? 'TCP');
  if (protocol === undefined)
    return fail(
      `${JSON.stringify(protocolText)} is no protocol: write tcp, udp, sctp, icmp, icmpv6 or a number`,
    );
  if (portText === undefined) return ok({ end: end.value, port: undefined, protocol });
  if (!/^\d+$/.test(portText)) return ok({ end: end.value, port: portText, protocol });
  const port = Number(portText);
  if (port < 1 || port > 65535) return fail(`port ${portText} is not between 1 and 65535`);
  return ok({ end: end.value, port, protocol });
}

/** The port as a number: a name is looked up at the pod or Service, and a target with one port needs none. */
export function targetPort(target: FlowTarget, snapshot: Snapshot): Result<number | undefined, string> {
  const { end, port, protocol } = target;
  if (typeof port === 'number') return ok(port);
  if (!hasPorts(protocol)) return ok(undefined);
  const offered = portsOf(end, snapshot).filter(each => each.protocol === protocol);
  const found = port === undefined ? offered : offered.filter(each => each.name === port);
  const numbers = [...new Set(found.map(each => each.port))];
  if (numbers.length === 1) return ok(numbers[0]);
  const names = offered.map(each => (each.name === '' ? `${each.port}` : `${each.port} (${each.name})`));
  const known = names.length === 0 ? '' : `; it offers ${[...new Set(names)].join(', ')}`;
  const what =
    port === undefined
      ? 'say which port, as in TO:80'
      : `no ${protocolName(protocol)} port is named ${JSON.stringify(port)}`;
  return fail(`${what}${known}`);
}

function portsOf(end: NamedEnd, snapshot: Snapshot) {
  if (end.kind === 'ip' || end.kind === 'node' || end.kind === 'dns') return [];
  const name = `${end.namespace}/${end.name}`;
  if (end.kind === 'service') return snapshot.services.get(name)?.ports ?? [];
  const pod = snapshot.endpoints.get(`pod/${name}`);
  const named = pod?.ports ?? [];
  const unnamed = (pod?.declaredPorts ?? []).filter(
    one => !named.some(port => port.port === one.port && port.protocol === one.protocol),
  );
  return [...named, ...unnamed.map(port => ({ name: '', ...port }))];
}
