/**
 * A complete BGP-4 speaker without I/O: wire codec, session machine, routing tables, filters.
 * Depends on `@muslin/net` alone; the caller brings sockets and a clock.
 *
 * @packageDocumentation
 */
export { Speaker } from './speaker.ts';
export type { SpeakerOptions } from './speaker/speaker-options.ts';
export type { BurstInput, ConnectionId, Input } from './speaker/input.ts';
export type { BestNextHop, Output } from './speaker/output.ts';
export type { OwnRoute } from './speaker/own-route.ts';
export type { PeerConfig, PeerId, PrefixLimit, Transport } from './speaker/peer-config.ts';
export type {
  PeerEnd,
  PeerHistory,
  PeerNotification,
  Reach,
  ReachFailure,
} from './speaker/peer-history.ts';
export type { FamilyView, MessageCounts, PeerView, PeerWish } from './speaker/peer-view.ts';
export { diagnose } from './doctor/diagnose.ts';
export type { Finding, Severity, Whose } from './doctor/finding.ts';
export { type ConnectionWitness, type KernelWitness, NO_WITNESS } from './doctor/kernel-witness.ts';
export type { Explanation, LostRoute, RouteView } from './speaker/route-view.ts';
export type { RouteWindow } from './speaker/route-window.ts';
export {
  ACCEPT_ALL,
  applyPolicy,
  type NextHopVia,
  type Policy,
  type PolicyResult,
  type PolicyRoute,
  type PolicyRule,
  type PrefixMatch,
  type RouteAction,
  type RouteMatch,
} from './rib/policy.ts';
export {
  type Candidate,
  DECISION_STEPS,
  type Decision,
  type DecisionReason,
  decide,
  reasonText,
} from './rib/decision.ts';
export type { Exclusion } from './rib/path-table.ts';
export type { Withheld } from './rib/export-rules.ts';
export { judgeOpen, type Negotiated, ownOpen } from './session/negotiation.ts';
export { type SessionContext, type SessionStep, stepSession } from './session/session.ts';
export type { AddPathOffer, RemoteAs, SessionConfig } from './session/session-config.ts';
export type { SessionEffect } from './session/session-effect.ts';
export type { SessionEvent } from './session/session-event.ts';
export {
  type EndReason,
  type SessionState,
  type SessionTimer,
  STATE_NAMES,
  type StateName,
} from './session/session-state.ts';
export { type AsPath, type AsSegment, asSequence, showAsPath } from './wire/as-path.ts';
export {
  ATTRIBUTES,
  type AttributeKind,
  type Origin,
  type PathAttributes,
  showAttributes,
} from './wire/attributes.ts';
export { CAPABILITIES, type Capability, type CapabilityKind, type Role } from './wire/capability.ts';
export {
  type Community,
  type LargeCommunity,
  parseCommunity,
  showCommunity,
  WELL_KNOWN_COMMUNITIES,
} from './wire/community.ts';
export {
  EXTENDED_COMMUNITY_TYPES,
  type ExtendedCommunity,
  linkBandwidth,
  linkBandwidthCommunity,
  parseExtendedCommunity,
  showExtendedCommunity,
} from './wire/extended-community.ts';
export { ERROR_CODES, errorText } from './wire/error-code.ts';
export type { AttributeFault, ResetFault } from './wire/fault.ts';
export { type Frame, Framer } from './wire/framer.ts';
export {
  decodeMessage,
  encodeMessage,
  KEEPALIVE,
  type KeepaliveMessage,
  type Message,
} from './wire/message.ts';
export type { MpReach } from './wire/mp-reach.ts';
export { isLinkLocal, type NextHop } from './wire/next-hop.ts';
export { type Nlri, type NlriBlock, nlriList, packNlri } from './wire/nlri.ts';
export { cease, type NotificationMessage, notification, notificationText } from './wire/notification.ts';
export type { OpenMessage } from './wire/open.ts';
export { PLAIN_OPTIONS, type WireOptions } from './wire/options.ts';
export { ALL_FAMILIES, type PerFamily, ROUTE_FAMILIES, type RouteFamily } from './wire/route-family.ts';
export type { RouteRefreshMessage } from './wire/route-refresh.ts';
export { announcement, endOfRibMarker, withdrawal } from './wire/make-update.ts';
export { endOfRib, isWithdraw, type UpdateMessage } from './wire/update.ts';
export { callText } from './journal/call-text.ts';
export type { JournalEntry, SpeakerCall } from './journal/journal-entry.ts';
export { type JournalFault, JournalReader } from './journal/journal-codec.ts';
export { RecordedSpeaker } from './journal/recorded-speaker.ts';
export { Replay, type ReplayStep } from './journal/replay.ts';
export { type DumpOptions, dumpTable } from './mrt/dump-table.ts';
export { encodeMrt, MrtReader } from './mrt/mrt-codec.ts';
export type { MrtEnds, MrtFault, MrtPath, MrtPeer, MrtRecord, MrtTime } from './mrt/mrt-record.ts';
export type { MrtState } from './mrt/mrt-types.ts';
export { decodeRibAttributes, encodeRibAttributes } from './mrt/rib-attributes.ts';
export { type EpochMs, SessionLog } from './mrt/session-log.ts';
export { type FeedOptions, TableFeed } from './mrt/table-feed.ts';
export type { BfdInput, ReceivedControl } from './bfd/bfd-input.ts';
export type { BfdOutput, BfdStateChange, BfdView, Reachability } from './bfd/bfd-output.ts';
export { Bfd, type BfdOptions } from './bfd/bfd-speaker.ts';
export {
  BFD_STATES,
  type BfdStateName,
  type ControlPacket,
  decodeControl,
  encodeControl,
  type OwnControlPacket,
} from './bfd/codec.ts';
export { type Diagnostic, DIAGNOSTICS, diagnosticText } from './bfd/diagnostic.ts';
export { type DiscardCode, type DiscardFault, DISCARDS } from './bfd/discard.ts';
export { BFD_PORT, type BfdSession, type BfdSessionId, bfdSessionId } from './bfd/session-config.ts';
export { type BfdEffect, type BfdEvent, type BfdStep, freshBfd, stepBfd } from './bfd/session.ts';
export type { BfdParameters, BfdRemote, BfdState, PollSequence, Timing } from './bfd/session-state.ts';
export { detectionTime, jitterFactor, SLOW_TX, transmitInterval } from './bfd/timing.ts';
