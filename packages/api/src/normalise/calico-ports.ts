import type { PortMatch } from '../model/policy.ts';
import type { Field } from './field.ts';

/**
 * Ports of a Calico rule: a number, a range `80:90`, or a name that each endpoint resolves for itself; undefined when
 * absent or empty (projectcalico.org/v3 EntityRule.ports). 0 is allowed, as Calico allows it.
 */
export function readCalicoPorts(list: Field): readonly PortMatch[] | undefined {
  const ports = list.items().flatMap(item => readPort(item) ?? []);
  return ports.length === 0 ? undefined : ports;
}

function readPort(item: Field): PortMatch | undefined {
  if (typeof item.value !== 'string') {
    if (!item.present) return item.invalid('must not be null');
    const port = item.integer(0, 65535);
    return port === undefined ? undefined : { first: port, last: port };
  }
  const range = /^([0-9]{1,5})(?::([0-9]{1,5}))?$/.exec(item.value);
  if (range) {
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    if (first <= last && last <= 65535) return { first, last };
  } else if (/^[A-Za-z0-9_.-]{1,128}$/.test(item.value)) return { name: item.value };
  return item.invalid('must be a port from 0 to 65535, a range such as 80:90, or a port name');
}
