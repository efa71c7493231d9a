import type { PortMatch } from '../model/policy.ts';
import type { Field } from './field.ts';
import { portProtocol } from './protocol-field.ts';

/** What one rule says about one protocol; no `ports`: all of them. Neither: any traffic. */
export interface ProtocolPorts {
  readonly protocol?: number;
  readonly ports?: readonly PortMatch[];
}

/**
 * The ports of a NetworkPolicy (networking.k8s.io/v1) rule, gathered per protocol; absent or empty: any traffic.
 * A protocol that is not TCP, UDP or SCTP matches nothing, and never another protocol, while the policy still isolates.
 */
export function readKubernetesPorts(list: Field): readonly ProtocolPorts[] {
  const items = list.items();
  if (items.length === 0) return [{}];
  const byProtocol = new Map<number, PortMatch[] | 'all'>();
  for (const item of items) {
    if (item.strange(['protocol', 'port', 'endPort'])) continue;
    const protocol = portProtocol(item.at('protocol').text() ?? 'TCP');
    const port = readPort(item);
    if (protocol === undefined) {
      item.at('protocol').unhonoured('must be TCP, UDP or SCTP; this port matches nothing');
    } else if (port === 'all') byProtocol.set(protocol, 'all');
    else {
      const known = byProtocol.get(protocol) ?? [];
      if (known !== 'all') byProtocol.set(protocol, [...known, port]);
    }
  }
  return [...byProtocol].map(([protocol, ports]) => (ports === 'all' ? { protocol } : { protocol, ports }));
}

function readPort(item: Field): PortMatch | 'all' {
  const port = item.at('port');
  const endPort = item.at('endPort');
  if (!port.present) {
    if (endPort.present) endPort.invalid('may not be specified when port is not');
    return 'all';
  }
  if (typeof port.value === 'string') {
    if (endPort.present) endPort.invalid('may not be specified when port is a name');
    return { name: readPortName(port) };
  }
  const first = port.integer(1, 65535) ?? 1;
  const last = endPort.integer(1, 65535) ?? first;
  if (last < first) endPort.invalid('must not be less than port');
  return { first, last };
}

/** A port name: at most 15 of a–z, 0–9 and "-", with a letter (RFC 6335 §5.1). */
export function readPortName(field: Field): string {
  const name = field.text() ?? '';
  if (!/^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(name) || !/[a-z]/.test(name) || name.includes('--'))
    field.invalid('must be a number or a port name: at most 15 of a-z, 0-9 and "-", with a letter');
  return name;
}
