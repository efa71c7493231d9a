import { fail, type Ip4, ok, type Result } from '@muslin/net';
import {
  allCapabilities,
  type Capability,
  codesOf,
  encodeCapability,
  findCapability,
  type GracefulRestart,
  type LongLivedRestart,
  offeredFamilies,
  ROLES,
  type Role,
} from '../wire/capability.ts';
import { ERROR_CODES } from '../wire/error-code.ts';
import { type ResetFault, resetFault } from '../wire/fault.ts';
import { AS_TRANS, type OpenMessage } from '../wire/open.ts';
import { MAX_EXTENDED_MESSAGE, MAX_MESSAGE, type WireOptions } from '../wire/options.ts';
import { type PerFamily, perFamily, type RouteFamily } from '../wire/route-family.ts';
import type { RemoteAs, SessionConfig } from './session-config.ts';

/** What two OPEN messages agreed on. Times in seconds. */
export interface Negotiated {
  readonly localAs: number;
  readonly remoteAs: number;
  readonly remoteId: Ip4;
  /** The peer is in another AS. */
  readonly external: boolean;
  /** 0: no keepalives, no hold timer. */
  readonly holdTime: number;
  readonly keepaliveTime: number;
  readonly families: PerFamily<boolean>;
  readonly receive: WireOptions;
  readonly send: WireOptions;
  readonly routeRefresh: boolean;
  readonly enhancedRefresh: boolean;
  /** What the peer offered, when both did (RFC 4724). */
  readonly gracefulRestart: GracefulRestart | undefined;
  /** For which families, and how long, routes of the peer are a last resort (RFC 9494 §4.1); without RFC 4724 none. */
  readonly longLived: readonly LongLivedRestart[];
  readonly remoteRole: Role | undefined;
  readonly hostName: string | undefined;
  /** Everything that the peer offered. */
  readonly capabilities: readonly Capability[];
}

/** The OPEN that a configuration sends. */
export function ownOpen(config: SessionConfig): OpenMessage {
  return {
    kind: 'open',
    version: 4,
    asNumber: config.localAs > 0xffff ? AS_TRANS : config.localAs,
    holdTime: config.holdTime,
    identifier: config.routerId,
    capabilities: ownCapabilities(config),
  };
}

function ownCapabilities(config: SessionConfig): Capability[] {
  const list: Capability[] = config.families.map(f => ({ kind: 'multiprotocol', value: codesOf(f) }));
  list.push({ kind: 'routeRefresh', value: true }, { kind: 'enhancedRefresh', value: true });
  list.push({ kind: 'fourOctetAs', value: config.localAs });
  if (config.extendedNextHop && config.families.includes('ipv4-unicast')) {
    list.push({ kind: 'extendedNextHop', value: [{ ...codesOf('ipv4-unicast'), nextHopAfi: 2 }] });
  }
  if (config.extendedMessages) list.push({ kind: 'extendedMessage', value: true });
  const mode = (config.addPath.receive ? 1 : 0) | (config.addPath.send ? 2 : 0);
  if (mode > 0) {
    list.push({ kind: 'addPath', value: config.families.map(f => ({ ...codesOf(f), mode })) });
  }
  if (config.gracefulRestart !== undefined) {
    const { restarting, forwarding, restartTime, longLivedTime } = config.gracefulRestart;
    const families = config.families.map(f => ({ ...codesOf(f), forwarding }));
    list.push({
      kind: 'gracefulRestart',
      value: { restarting, notification: true, restartTime, families },
    });
    if (longLivedTime !== undefined && longLivedTime > 0) {
      const value = families.map(f => ({ ...f, staleTime: longLivedTime }));
      list.push({ kind: 'longLivedRestart', value });
    }
  }
  if (config.role !== undefined) list.push({ kind: 'role', value: ROLES.indexOf(config.role) });
  if (config.hostName !== undefined)
    list.push({ kind: 'hostName', value: { host: config.hostName, domain: '' } });
  return list;
}

const openFault = (subcode: number, message: string, rfc: string, data?: Uint8Array) =>
  fail(resetFault(ERROR_CODES.open.code, subcode, message, rfc, data));

/** Judges a peer's OPEN by our configuration (RFC 4271 §6.2, 5492 §5, 6286, 6793, 7607, 9234). */
export function judgeOpen(open: OpenMessage, config: SessionConfig): Result<Negotiated, ResetFault> {
  const { capabilities } = open;
  const fourOctet = findCapability(capabilities, 'fourOctetAs');
  const remoteAs = fourOctet ?? open.asNumber;
  if (remoteAs === 0 || open.asNumber === 0) return openFault(2, 'the peer claims AS 0', 'RFC 7607 §2');
  const external = remoteAs !== config.localAs;
  const wanted = config.remoteAs;
  if (!isWanted(wanted, remoteAs, external)) {
    return openFault(
      2,
      `the peer is in AS ${remoteAs}, ${wordsFor(wanted, config)} is configured`,
      'RFC 4271 §6.2',
    );
  }
  if (open.holdTime === 1 || open.holdTime === 2) {
    return openFault(
      6,
      `the peer wants a hold time of ${open.holdTime} s, the least is 3 s`,
      'RFC 4271 §6.2',
    );
  }
  if (open.identifier.bits === 0) return openFault(3, 'the peer has the router ID 0.0.0.0', 'RFC 6286 §2.2');
  if (!external && open.identifier.bits === config.routerId.bits) {
    return openFault(3, 'the peer has our own router ID', 'RFC 6286 §2.2');
  }
  const offered = offeredFamilies(capabilities);
  const families = perFamily(f => config.families.includes(f) && offered.includes(f));
  if (!config.families.some(f => families[f])) return noFamily(config.families);
  const roleFault = external ? judgeRole(capabilities, config) : undefined;
  if (roleFault !== undefined) return openFault(11, roleFault, 'RFC 9234 §4.2');
  const holdTime = Math.min(config.holdTime, open.holdTime);
  const third = Math.max(1, Math.floor(holdTime / 3));
  // RFC 4724 §3: of several the last one counts.
  const gracefulRestart = allCapabilities(capabilities, 'gracefulRestart').at(-1);
  return ok({
    localAs: config.localAs,
    remoteAs,
    remoteId: open.identifier,
    external,
    holdTime,
    keepaliveTime: holdTime === 0 ? 0 : Math.min(config.keepaliveTime ?? third, third),
    families,
    receive: wireOptions(capabilities, config, families, external, 'receive'),
    send: wireOptions(capabilities, config, families, external, 'send'),
    routeRefresh: findCapability(capabilities, 'routeRefresh') !== undefined,
    enhancedRefresh: findCapability(capabilities, 'enhancedRefresh') !== undefined,
    gracefulRestart: config.gracefulRestart === undefined ? undefined : gracefulRestart,
    longLived: longLivedOf(capabilities, config),
    remoteRole: ROLES[findCapability(capabilities, 'role') ?? -1],
    hostName: findCapability(capabilities, 'hostName')?.host,
    capabilities,
  });
}

/** What the peer asks for, bounded by what we offer (RFC 9494 §4.2). */
function longLivedOf(
  capabilities: readonly Capability[],
  config: SessionConfig,
): readonly LongLivedRestart[] {
  const most = config.gracefulRestart?.longLivedTime ?? 0;
  if (most === 0 || findCapability(capabilities, 'gracefulRestart') === undefined) return [];
  const theirs = findCapability(capabilities, 'longLivedRestart') ?? [];
  return theirs.map(family => ({ ...family, staleTime: Math.min(most, family.staleTime) }));
}

function isWanted(wanted: RemoteAs, remoteAs: number, external: boolean): boolean {
  if (wanted === 'external') return external;
  if (wanted === 'internal') return !external;
  return typeof wanted === 'number' ? remoteAs === wanted : wanted.includes(remoteAs);
}

function wordsFor(wanted: SessionConfig['remoteAs'], config: SessionConfig): string {
  if (wanted === 'external') return `any but ${config.localAs}`;
  if (wanted === 'internal') return `${config.localAs}`;
  return typeof wanted === 'number' ? `${wanted}` : wanted.join(' or ');
}

/** RFC 5492 §5: the data lists what the peer would have to offer. */
function noFamily(families: readonly RouteFamily[]): Result<never, ResetFault> {
  const data = families.flatMap(f => [...encodeCapability({ kind: 'multiprotocol', value: codesOf(f) })]);
  const message = `the peer offers none of ${families.join(', ')}`;
  return openFault(7, message, 'RFC 5492 §5, RFC 4760 §8', Uint8Array.from(data));
}

/** Why the roles don't allow a session, or undefined. They mean something between two ASes only (RFC 9234 §4). */
function judgeRole(capabilities: readonly Capability[], config: SessionConfig): string | undefined {
  if (config.role === undefined) return undefined;
  const offers = new Set(allCapabilities(capabilities, 'role'));
  if (offers.size > 1) return 'the peer claims several roles';
  const [code] = offers;
  if (code === undefined) {
    return config.strictRole ? `the peer tells no role, and our role ${config.role} is strict` : undefined;
  }
  const theirs = ROLES[code];
  if (theirs !== undefined && rolesFit(config.role, theirs)) return undefined;
  return `our role ${config.role} can't face the role ${theirs ?? code}`;
}

function rolesFit(ours: Role, theirs: Role): boolean {
  const pair: Record<Role, Role> = {
    provider: 'customer',
    customer: 'provider',
    rs: 'rs-client',
    'rs-client': 'rs',
    peer: 'peer',
  };
  return pair[ours] === theirs;
}

function wireOptions(
  capabilities: readonly Capability[],
  config: SessionConfig,
  families: PerFamily<boolean>,
  external: boolean,
  direction: 'receive' | 'send',
): WireOptions {
  // We receive with path identifiers what the peer may send (bit 2), and send what it may receive (bit 1).
  const bit = direction === 'receive' ? 2 : 1;
  const modes = findCapability(capabilities, 'addPath') ?? [];
  const addPath = perFamily(f => {
    const { afi, safi } = codesOf(f);
    const theirs = modes.find(m => m.afi === afi && m.safi === safi)?.mode ?? 0;
    return config.addPath[direction] && theirs <= 3 && (theirs & bit) !== 0;
  });
  const extended = config.extendedMessages && findCapability(capabilities, 'extendedMessage') !== undefined;
  const hops = findCapability(capabilities, 'extendedNextHop') ?? [];
  return {
    fourOctetAs: findCapability(capabilities, 'fourOctetAs') !== undefined,
    addPath,
    families,
    maxLength: extended ? MAX_EXTENDED_MESSAGE : MAX_MESSAGE,
    extendedNextHop:
      config.extendedNextHop && hops.some(h => h.afi === 1 && h.safi === 1 && h.nextHopAfi === 2),
    external,
  };
}
