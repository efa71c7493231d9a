import type {
  BgpBfd,
  BgpCallers,
  BgpListenRange,
  BgpPeerPolicyFacts,
  BgpPrefixLimit,
  BgpSessionTraits,
  BgpUnnumbered,
} from '../model/bgp-peer-policy.ts';
import { readPrefix } from './address-field.ts';
import { readAs, readSecretKeyRef } from './bgp-field.ts';
import { finish, type Read } from './fact.ts';
import type { Field } from './field.ts';
import { readHeader } from './header.ts';
import { readSelector } from './selector-field.ts';

const USUAL_ORDER = 1_000;
const USUAL_CALLERS = 100;
const WAYS = ['peerNames', 'peerSelector', 'nodeMesh', 'listenRanges', 'interfaces'] as const;

/** A BGPPeerPolicy (muslin.dev/v1alpha1) with defaults. */
export function readBgpPeerPolicy(object: unknown): Read<BgpPeerPolicyFacts> {
  const { report, spec, name } = readHeader(object, 'Cluster');
  if (WAYS.every(way => !spec.at(way).present))
    spec.at(WAYS[0]).invalid(`or ${WAYS.slice(1).join(', ')} must be given: it says nothing of any session`);
  return finish(report, {
    name,
    order: spec.at('order').integer(0, 2_147_483_647) ?? USUAL_ORDER,
    nodeSelector: readSelector(spec.at('nodeSelector')),
    peerNames: new Set(readTexts(spec.at('peerNames'))),
    peerSelector: readSelector(spec.at('peerSelector')),
    nodeMesh: spec.at('nodeMesh').flag() ?? false,
    listenRanges: spec
      .at('listenRanges')
      .items()
      .flatMap(item => readListenRange(item) ?? []),
    interfaces: readInterfaces(spec.at('interfaces')),
    traits: readTraits(spec),
  });
}

function readTraits(spec: Field): BgpSessionTraits {
  const holdTime = spec.at('holdTimeSeconds').integer(0, 65_535);
  const keepaliveTime = spec.at('keepaliveTimeSeconds').integer(1, 21_845);
  if (holdTime === 1 || holdTime === 2) spec.at('holdTimeSeconds').invalid('must be 0 or at least 3');
  if (holdTime !== undefined && keepaliveTime !== undefined && keepaliveTime * 3 > holdTime)
    spec.at('keepaliveTimeSeconds').invalid('must fit into holdTimeSeconds three times (RFC 4271 §4.4)');
  return {
    holdTime,
    keepaliveTime,
    connectRetryTime: spec.at('connectRetryTimeSeconds').integer(1, 3_600),
    bfd: readBfd(spec.at('bfd')),
    prefixLimits: readLimits(spec.at('prefixLimits')),
    addPath: spec.at('addPath').oneOf(['None', 'Receive', 'Send', 'Both']),
    clientToClient: spec.at('clientToClientReflection').flag(),
    gracefulShutdown: spec.at('gracefulShutdown').flag(),
    longLivedRestart: spec.at('longLivedRestartSeconds').integer(0, 16_777_215),
    authentication: spec.at('authentication').oneOf(['MD5', 'TCPAO']),
    ttlSecurityHops: spec.at('ttlSecurityHops').integer(1, 254),
    role: spec.at('role').oneOf(['Provider', 'Customer', 'Peer', 'RouteServer', 'RouteServerClient']),
    strictRole: readStrictRole(spec),
    localAsPrepend: spec.at('localASPrepend').oneOf(['None', 'Inbound', 'Outbound', 'Both']),
    enforceFirstAs: spec.at('enforceFirstAS').flag(),
    passive: spec.at('passive').flag(),
    shutdown: readShutdown(spec.at('shutdown')),
    sendHoldTime: spec.at('sendHoldTimeSeconds').integer(0, 65_535),
  };
}

function readStrictRole(spec: Field): boolean | undefined {
  const strict = spec.at('strictRole').flag();
  if (strict && !spec.at('role').present) return spec.at('strictRole').invalid('needs role');
  return strict;
}

/** Octets of a shutdown message (RFC 9003 §2). */
const MOST_SHUTDOWN = 255;

function readShutdown(field: Field): BgpSessionTraits['shutdown'] {
  if (!field.present) return undefined;
  const message = field.at('message').text();
  if (message !== undefined && octetsOf(message) > MOST_SHUTDOWN)
    return field.at('message').invalid(`must have at most ${MOST_SHUTDOWN} octets (RFC 9003 §2)`);
  return { message };
}

/** In UTF-8. */
function octetsOf(text: string): number {
  return [...text].reduce((sum, char) => {
    const point = char.codePointAt(0) ?? 0;
    return sum + (point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4);
  }, 0);
}

function readBfd(field: Field): BgpBfd | undefined {
  if (!field.present) return undefined;
  const multihop = field.at('multihop').flag() ?? false;
  const minimumTtl = field.at('minimumTTL').integer(1, 255);
  if (minimumTtl !== undefined && !multihop)
    field.at('minimumTTL').invalid('needs multihop: on one link only TTL 255 counts (RFC 5881 §5)');
  return {
    interval: field.at('intervalMilliseconds').integer(10, 60_000) ?? 300,
    detectMultiplier: field.at('detectMultiplier').integer(2, 255) ?? 3,
    multihop,
    minimumTtl,
  };
}

function readLimits(list: Field): readonly BgpPrefixLimit[] | undefined {
  if (!list.present) return undefined;
  const seen = new Set<string>();
  return list.items().flatMap(item => {
    const family = item.at('family').oneOf(['IPv4', 'IPv6']);
    const most = item.at('most').integer(1, 2_147_483_647);
    if (family === undefined) return item.at('family').invalid('must be IPv4 or IPv6') ?? [];
    if (most === undefined) return item.at('most').invalid('must be given') ?? [];
    if (seen.has(family)) return item.at('family').invalid(`${family} has a limit already`) ?? [];
    seen.add(family);
    const action = item.at('action').oneOf(['Warn', 'Discard', 'TearDown']) ?? 'TearDown';
    const restartAfter = item.at('restartAfterSeconds').integer(1, 86_400);
    if (restartAfter !== undefined && action !== 'TearDown')
      item.at('restartAfterSeconds').invalid('needs action TearDown');
    return [{ family: family === 'IPv4' ? 4 : 6, most, action, restartAfter }];
  });
}

function readListenRange(item: Field): BgpListenRange | undefined {
  const cidr = readPrefix(item.at('cidr'));
  const callers = readCallers(item);
  if (!item.at('cidr').present) item.at('cidr').invalid('must be a prefix such as 192.0.2.0/24');
  const most = item.at('most').integer(1, 4_096) ?? USUAL_CALLERS;
  return cidr && callers && { cidr, most, ...callers };
}

function readInterfaces(list: Field): readonly BgpUnnumbered[] {
  const seen = new Set<string>();
  return list.items().flatMap(item => {
    const field = item.at('name');
    const interfaceName = field.text() ?? '';
    const callers = readCallers(item);
    if (!/^[^/%\s]{1,15}$/.test(interfaceName))
      return field.invalid('must be an interface name such as eth0') ?? [];
    if (seen.has(interfaceName)) return field.invalid(`${interfaceName} has a peer already`) ?? [];
    seen.add(interfaceName);
    return callers === undefined ? [] : [{ interfaceName, ...callers }];
  });
}

function readCallers(item: Field): BgpCallers | undefined {
  const list = item.at('asNumbers');
  const word = item.at('remoteAS').oneOf(['External', 'Internal']);
  if (list.present === (word !== undefined))
    return list.invalid('or else remoteAS (External or Internal) must be given');
  const numbers = list.items().flatMap(each => readAs(each) ?? []);
  if (word === undefined && numbers.length === 0) return list.invalid('must name an AS number');
  return {
    remoteAs: word ?? numbers,
    password: readSecretKeyRef(item.at('password')),
    filters: readTexts(item.at('filters')),
  };
}

function readTexts(list: Field): readonly string[] {
  return list.items().flatMap(item => item.text() ?? []);
}
