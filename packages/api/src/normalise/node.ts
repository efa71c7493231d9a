import { type Family, type Ip, parseIp, parsePrefix } from '@muslin/net';
import type { NodeFacts } from '../model/snapshot.ts';
import { readPrefixes } from './address-field.ts';
import { finish, type Read } from './fact.ts';
import { readTunnels } from './node-tunnels.ts';
import type { Field } from './field.ts';
import { type Header, readHeader } from './header.ts';

const PREFIX = 'projectcalico.org/';

/**
 * A Node (v1). Per family, the address in `projectcalico.org/IPv4Address` or `IPv6Address` (with or without a prefix
 * length) replaces the InternalIPs. An annotation that can't be read is reported and ignored.
 */
export function readNode(object: unknown): Read<NodeFacts> {
  const header = readHeader(object, 'Cluster');
  const { report, root, spec } = header;
  const podCidrs =
    readPrefixes(spec.at('podCIDRs').items()) ?? readPrefixes(singleton(spec.at('podCIDR'))) ?? [];
  return finish(report, {
    name: header.name,
    labels: root.at('metadata').at('labels').texts(),
    ips: [...ipsOf(header, 4), ...ipsOf(header, 6)],
    podCidrs,
    asNumber: readAsNumber(header),
    routeReflectorClusterId: header.annotations.get(`${PREFIX}RouteReflectorClusterID`) || undefined,
    ...readDrain(header),
    ...tunnelsOf(header),
  });
}

function singleton(field: Field): readonly Field[] {
  return field.present && field.value !== '' ? [field] : [];
}

function ipsOf(header: Header, family: Family): readonly Ip[] {
  const key = `${PREFIX}IPv${family}Address`;
  const text = header.annotations.get(key);
  if (text) {
    const read = text.includes('/') ? addressOf(text) : parseIp(text);
    if (read.ok && read.value.family === family) return [read.value];
    annotation(header, key).unhonoured(`must be an IPv${family} address such as ${EXAMPLE[family]}`);
  }
  const addresses = header.root.at('status').at('addresses').items();
  return addresses.flatMap(item => {
    if (item.at('type').text() !== 'InternalIP') return [];
    const ip = parseIp(item.at('address').text() ?? '');
    return ip.ok && ip.value.family === family ? [ip.value] : [];
  });
}

function tunnelsOf(header: Header): Pick<NodeFacts, 'tunnels'> {
  const tunnels = readTunnels(header);
  return Object.keys(tunnels).length === 0 ? {} : { tunnels };
}

const EXAMPLE = { 4: '192.0.2.1/24', 6: '2001:db8::1/64' } as const;

/** The address itself: a node's `192.0.2.7/24` names the host, not the network. */
function addressOf(text: string) {
  const whole = parsePrefix(text);
  return whole.ok ? parseIp(text.slice(0, text.indexOf('/'))) : whole;
}

function annotation({ root }: Header, key: string) {
  return root.at('metadata').at('annotations').at(key);
}

function readAsNumber(header: Header): number | undefined {
  const key = `${PREFIX}ASNumber`;
  const text = header.annotations.get(key);
  if (!text) return undefined;
  const value = parseAsNumber(text);
  return value ?? annotation(header, key).unhonoured('must be an AS number such as 64512 or 1.10');
}

const DRAIN = 'muslin.dev/drain';

const MESSAGE = 'muslin.dev/drain-message';

function readDrain(header: Header): Pick<NodeFacts, 'draining' | 'leaving'> {
  const text = header.annotations.get(DRAIN);
  switch (text) {
    case undefined:
    case 'false':
      return {};
    case 'true':
      return { draining: true };
    case 'leave':
      return { leaving: { message: header.annotations.get(MESSAGE) || undefined } };
    default:
      annotation(header, DRAIN).unhonoured('must be "true", "leave" or "false"');
      return {};
  }
}

/** An AS number in plain (`64512`) or dotted (`1.10`) writing (RFC 5396); 1 to 4294967295. */
export function parseAsNumber(text: string): number | undefined {
  const dotted = /^([0-9]{1,5})\.([0-9]{1,5})$/.exec(text);
  const [high, low] = dotted ? [Number(dotted[1]), Number(dotted[2])] : [0, 0];
  if (high > 65535 || low > 65535) return undefined;
  const value = dotted ? high * 65536 + low : /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= 4_294_967_295 ? value : undefined;
}
