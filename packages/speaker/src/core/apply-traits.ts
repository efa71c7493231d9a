import type { BgpPrefixLimit, BgpRole, BgpSessionTraits, NodeFacts } from '@muslin/api';
import type { BfdSession, PeerConfig, PrefixLimit, Role, Transport } from '@muslin/bgp';
import type { DesiredPeer } from './desired-peer.ts';
import type { Problem } from './problem.ts';

const ROLES: Readonly<Record<BgpRole, Role>> = {
  Provider: 'provider',
  Customer: 'customer',
  Peer: 'peer',
  RouteServer: 'rs',
  RouteServerClient: 'rs-client',
};
const ADD_PATH = {
  None: { receive: false, send: false },
  Receive: { receive: true, send: false },
  Send: { receive: false, send: true },
  Both: { receive: true, send: true },
} as const;

/** The session with what policies say of it. What the BGPPeer itself says (keepaliveTime, ttlSecurity) stays. */
export function withTraits(
  made: DesiredPeer,
  traits: BgpSessionTraits,
  node: NodeFacts,
  problems: Problem[],
): DesiredPeer {
  const { bfd, connectRetryTime, addPath, longLivedRestart, ttlSecurityHops } = traits;
  const { enforceFirstAs, sendHoldTime } = traits;
  const { transport = {} } = made.config;
  const hops = transport.ttlSecurityHops ?? ttlSecurityHops;
  const auth = authentication(made, traits, problems);
  const config: PeerConfig = {
    ...made.config,
    ...timers(made, traits, problems),
    ...(connectRetryTime === undefined ? {} : { connectRetryTime }),
    transport: {
      ...transport,
      ...(hops === undefined ? {} : { ttlSecurityHops: hops }),
      ...(auth === undefined ? {} : { auth }),
    },
    ...(traits.prefixLimits === undefined ? {} : { prefixLimit: limits(traits.prefixLimits) }),
    ...(addPath === undefined ? {} : { addPath: ADD_PATH[addPath] }),
    ...(traits.clientToClient === undefined ? {} : { clientToClient: traits.clientToClient }),
    ...(traits.gracefulShutdown || node.draining ? { gracefulShutdown: true } : {}),
    ...(longLivedRestart === undefined ? {} : { longLivedTime: longLivedRestart }),
    ...role(made, traits, problems),
    ...localAsPrepend(made, traits, problems),
    ...(enforceFirstAs === undefined ? {} : { enforceFirstAs }),
    ...(traits.passive ? { passive: true } : {}),
    ...(sendHoldTime === undefined ? {} : { sendHoldTime }),
    ...(traits.shutdown === undefined ? {} : shutDown(traits.shutdown.message)),
  };
  return { ...made, config, ...(bfd === undefined ? {} : { bfd: bfdSession(config, bfd) }) };
}

function authentication(made: DesiredPeer, traits: BgpSessionTraits, problems: Problem[]): Transport['auth'] {
  if (traits.authentication !== 'TCPAO') return undefined;
  if (made.config.transport?.passwordKey !== undefined) return 'tcp-ao';
  problems.push({
    object: made.origin,
    reason: 'Invalid',
    message: `authentication TCPAO needs a password: ${made.config.id} has none, and its session is not signed`,
  });
  return undefined;
}

function timers(made: DesiredPeer, traits: BgpSessionTraits, problems: Problem[]): Partial<PeerConfig> {
  const holdTime = traits.holdTime ?? made.config.holdTime;
  const keepaliveTime = made.config.keepaliveTime ?? traits.keepaliveTime;
  const fits =
    keepaliveTime === undefined || holdTime === undefined || holdTime === 0 || keepaliveTime * 3 <= holdTime;
  if (!fits)
    problems.push({
      object: made.origin,
      reason: 'Invalid',
      message: `keepalives each ${keepaliveTime} s don't fit three times into the hold time of ${holdTime} s: a third of the hold time is used`,
    });
  return {
    ...(holdTime === undefined ? {} : { holdTime }),
    ...(keepaliveTime === undefined
      ? {}
      : { keepaliveTime: fits ? keepaliveTime : Math.floor(holdTime / 3) }),
  };
}

function limits(list: readonly BgpPrefixLimit[]): NonNullable<PeerConfig['prefixLimit']> {
  return Object.fromEntries(
    list.map(({ family, most, action, restartAfter }): [string, PrefixLimit] => [
      `ipv${family}-unicast`,
      {
        most,
        ...(action === 'Warn' ? { warnOnly: true } : action === 'Discard' ? { discard: true } : {}),
        ...(restartAfter === undefined ? {} : { restartAfter }),
      },
    ]),
  );
}

/** Roles are about other ASes (RFC 9234 §4.1). */
function role(
  made: DesiredPeer,
  traits: BgpSessionTraits,
  problems: Problem[],
): Pick<PeerConfig, 'role' | 'strictRole'> {
  if (traits.role === undefined) return {};
  if (!made.internal) return { role: ROLES[traits.role], ...(traits.strictRole ? { strictRole: true } : {}) };
  problems.push({
    object: made.origin,
    reason: 'Invalid',
    message: `role ${traits.role} is for peers in another AS: ${made.config.id} is in ours, and has none`,
  });
  return {};
}

const PREPEND = {
  None: {},
  Inbound: { inbound: true },
  Outbound: { outbound: true },
  Both: { inbound: true, outbound: true },
} as const;

/** It is about sessions on which we show another AS number (RFC 7705 §3). */
function localAsPrepend(
  made: DesiredPeer,
  { localAsPrepend: which = 'None' }: BgpSessionTraits,
  problems: Problem[],
): Pick<PeerConfig, 'localAsPrepend'> {
  if (which === 'None') return {};
  if (made.config.localAs !== undefined) return { localAsPrepend: PREPEND[which] };
  problems.push({
    object: made.origin,
    reason: 'Invalid',
    message: `localASPrepend ${which} needs localASNumber: on the session with ${made.config.id} we show our own number`,
  });
  return {};
}

function shutDown(message: string | undefined): Pick<PeerConfig, 'enabled' | 'shutdownText'> {
  return { enabled: false, ...(message === undefined ? {} : { shutdownText: message }) };
}

function bfdSession(config: PeerConfig, bfd: NonNullable<BgpSessionTraits['bfd']>): BfdSession {
  const { remoteIp, transport } = config;
  const link = transport?.interface;
  const source = transport?.source;
  return {
    peer: remoteIp,
    ...(source === undefined ? {} : { local: source }),
    ...(link === undefined ? {} : { interface: link }),
    ...(bfd.multihop ? { multihop: true } : {}),
    ...(bfd.minimumTtl === undefined ? {} : { minimumTtl: bfd.minimumTtl }),
    transmitInterval: bfd.interval,
    receiveInterval: bfd.interval,
    detectMultiplier: bfd.detectMultiplier,
  };
}
