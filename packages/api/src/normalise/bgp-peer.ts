import { type Ip, parseIp } from '@muslin/net';
import type { BgpPeerFacts, BgpPeerScope, BgpPeerTarget } from '../model/bgp.ts';
import { ALL } from '../model/selector.ts';
import { readIp } from './address-field.ts';
import { readAs, readSecretKeyRef } from './bgp-field.ts';
import { readDuration } from './duration-field.ts';
import { finish, type Read } from './fact.ts';
import { type Field, shown } from './field.ts';
import { readHeader } from './header.ts';
import { readSelector } from './selector-field.ts';

/** A BGPPeer (projectcalico.org/v3) with defaults. */
export function readBgpPeer(object: unknown): Read<BgpPeerFacts> {
  const { report, spec, name, labels } = readHeader(object, 'Cluster');
  const target = readTarget(spec);
  const asNumber = spec.at('asNumber').value === 0 ? undefined : readAs(spec.at('asNumber'));
  if (target?.type === 'nodes' && asNumber !== undefined)
    spec.at('asNumber').invalid('must be left out with peerSelector: each node has its own');
  if (target?.type === 'workloads' && asNumber === undefined)
    spec.at('asNumber').invalid('must be given with localWorkloadSelector');
  const reachableBy = readReachableBy(spec.at('reachableBy'), target);
  const keepOriginal = spec.at('keepOriginalNextHop').flag() ?? false;
  const mode = spec.at('nextHopMode').oneOf(['Auto', 'Self', 'Keep']);
  if (keepOriginal && mode !== undefined)
    spec.at('keepOriginalNextHop').invalid('may not be set together with nextHopMode');
  const scope = readScope(spec);
  return finish(
    report,
    target && {
      name,
      labels,
      scope,
      target,
      asNumber,
      localAsNumber: readAs(spec.at('localASNumber')),
      nextHopMode: keepOriginal ? 'Keep' : (mode ?? 'Auto'),
      keepOnExternalOnly: keepOriginal,
      password: readSecretKeyRef(spec.at('password')),
      sourceAddress: spec.at('sourceAddress').oneOf(['UseNodeIP', 'None']) ?? 'UseNodeIP',
      maxRestartTime: readDuration(spec.at('maxRestartTime')),
      keepaliveTime: readDuration(spec.at('keepaliveTime')),
      numAllowedLocalAsNumbers: spec.at('numAllowedLocalASNumbers').integer(0, 255) ?? 0,
      ttlSecurity: spec.at('ttlSecurity').integer(0, 255) ?? 0,
      reachableBy,
      filters: spec
        .at('filters')
        .items()
        .flatMap(item => item.text() ?? []),
      reversePeering: spec.at('reversePeering').oneOf(['', 'Auto', 'Manual']) || 'Auto',
    },
  );
}

function readScope(spec: Field): BgpPeerScope {
  const name = spec.at('node').text();
  const selector = readSelector(spec.at('nodeSelector'));
  if (name && spec.at('nodeSelector').value)
    spec.at('nodeSelector').invalid('may not be set together with node');
  if (name) return { type: 'node', name };
  return selector === undefined ? { type: 'all' } : { type: 'nodes', selector };
}

function readTarget(spec: Field): BgpPeerTarget | undefined {
  const written = ['peerIP', 'peerSelector', 'localWorkloadSelector'].filter(part => spec.at(part).value);
  const [part] = written;
  if (part === undefined)
    return spec.at('peerIP').invalid('or peerSelector or localWorkloadSelector must be given');
  const field = spec.at(part);
  if (written.length > 1)
    return field.invalid(`may not be set together with ${written.slice(1).join(' and ')}`);
  if (part === 'peerIP') return readPeerIp(field);
  const selector = readSelector(field) ?? ALL;
  return { type: part === 'peerSelector' ? 'nodes' : 'workloads', selector };
}

/** `ip`, `ip:port` or `[ipv6]:port`. */
function readPeerIp(field: Field): BgpPeerTarget | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  const split = /^\[([^\]]+)\](?::([0-9]{1,5}))?$/.exec(text) ?? /^([0-9.]+):([0-9]{1,5})$/.exec(text);
  const ip = parseIp(split?.[1] ?? text);
  const port = split?.[2] === undefined ? undefined : Number(split[2]);
  if (ip.ok && (port === undefined || (port >= 1 && port <= 65_535)))
    return { type: 'address', ip: ip.value, port };
  return field.invalid(`${shown(text)} is no address such as 192.0.2.1, 192.0.2.1:179 or [2001:db8::1]:179`);
}

function readReachableBy(field: Field, target: BgpPeerTarget | undefined): Ip | undefined {
  if (!field.value) return undefined;
  const gateway = readIp(field);
  if (target === undefined || gateway === undefined) return undefined;
  if (target.type !== 'address') return field.invalid('needs peerIP');
  if (target.ip.family !== gateway.family) return field.invalid('must be of the same family as peerIP');
  return gateway;
}
