/**
 * What the kernel should hold: a rule IR that can be rendered, evaluated and compared; sets, routes; plans.
 *
 * @packageDocumentation
 */
export { CHAIN_NAME_MAX, CHAIN_PREFIX, chainName, isOwnChain } from './chain-name.ts';
export { COMPILED_TABLES, compile } from './compile.ts';
export { type DeniedLog, NODE_CONFIG_DEFAULTS, type NodeConfig } from './compile/config.ts';
export type { FloatingIp } from './compile/floating-ips.ts';
export type { HostPort } from './compile/host-ports.ts';
export { type Denier, deniersOf, readDeniedNote } from './compile/denied-note.ts';
export { type Counted, type RuleRef, type Subject, subjectKey } from './counters/counted.ts';
export { ownerOf } from './counters/owner.ts';
export { type Count, Tally, type Total } from './counters/tally.ts';
export { endpointChainName } from './compile/endpoint-chain.ts';
export { ALL_POOLS, MASQUERADE_POOLS } from './compile/nat.ts';
export { type Evaluation, evaluate, type TraceStep } from './evaluate.ts';
export { type Arrival, type Course, journey } from './journey.ts';
export type { Action, Verdict } from './ir/action.ts';
export { type AnyMatch, evaluateMatch, type Match, negate } from './ir/match.ts';
export type { SetKey } from './ir/matches/set.ts';
export {
  type ConntrackState,
  ICMP_PROTOCOL,
  type Packet,
  PORT_PROTOCOLS,
} from './ir/packet.ts';
export {
  type Chain,
  type HookName,
  reachable,
  type Rule,
  type Ruleset,
  setsUsed,
  type TableName,
  type TableRules,
} from './ir/ruleset.ts';
export { lookupOf, type SetLookup } from './ir/set-lookup.ts';
export { type ActualSet, isEmptySetPlan, planSets, type SetChange, type SetPlan } from './ipset/plan.ts';
export { ipsetAfterRules, ipsetBeforeRules } from './ipset/restore.ts';
export { canonicalMember, parseIpsetSave } from './ipset/save.ts';
export { DEFAULT_MAXELEM, desiredSets, type Ipset, type IpsetType, ipsetOf, membersOf } from './ipset/set.ts';
export {
  afterTablePlan,
  type HookChange,
  isEmptyTablePlan,
  planTable,
  type TablePlan,
} from './iptables/plan.ts';
export {
  chainHash,
  COMMENT_PREFIX,
  type RenderedChain,
  type RenderedRule,
  type RenderedTable,
  renderTable,
  renderTables,
} from './iptables/render.ts';
export { type IptablesActual, type IptablesPlan, planIptables, planMembers } from './iptables/plan-all.ts';
export { plainId } from './iptables/aside.ts';
export { restoreInput } from './iptables/restore.ts';
export { emptyTable, parseSave, type SavedJump, type SavedTable } from './iptables/saved.ts';
export { LOOKUP_LIMITS, type LookupLimits } from './lookups/limits.ts';
export { lower } from './lower.ts';
export { IPTABLES_LIMITS, type Limits, NFT_LIMITS } from './lower/limits.ts';
export { hashOf as nftRuleHash, type NftListing, parseNftList } from './nft/listing.ts';
export { changesBetween } from './members/changes.ts';
export { type MemberChanges, Members } from './members/members.ts';
export { patchSets } from './members/patch-sets.ts';
export { isEmptyNftPlan, type NftElements, type NftPlan, planNft, planNftRemoval } from './nft/plan.ts';
export {
  concatenated,
  NFT_TYPE,
  type NftExpression,
  type NftList,
  nameBytes,
  nextBytes,
} from './nft/expression.ts';
export { nftScript } from './nft/script.ts';
export {
  NFT_TABLE,
  type NftChain,
  type NftMap,
  type NftRule,
  type NftSet,
  type NftTable,
  nftTable,
} from './nft/table.ts';
export {
  type Driver,
  type DriverFault,
  type IptablesVariant,
  type Op,
  type Plan,
  type PlanParts,
  planOf,
} from './plan.ts';
export { meaning } from './prove/meaning.ts';
export { readBack } from './prove/read-back.ts';
export { type Difference, differenceText, type Proof, Prover } from './prove/prover.ts';
export {
  isEmptyRoutePlan,
  planRoutes,
  type RouteConflict,
  type RoutePlan,
} from './routes/plan.ts';
export {
  blackholeRoute,
  type NextHop,
  type Route,
  ROUTE_PROTOCOL_BGP,
  ROUTE_PROTOCOL_MUSLIN,
  routeKey,
  type RouteKind,
  type RouteScope,
  routeText,
  sameRoute,
  TABLE_MAIN,
  workloadRoute,
} from './routes/route.ts';
export { workloadInterfaceName } from './routes/workload-link.ts';
export { isOwnSet, SET_NAME_MAX, setName, temporarySetName } from './set-name.ts';
export {
  borrowedPrefix,
  choiceText,
  type Encapsulation,
  encapsulationOf,
  neededTunnels,
  type NodePrefix,
  type Overlay,
  type OverlayChoice,
  type OverlayInput,
  overlayOf,
  TUNNEL_METRIC,
} from './tunnels/overlay.ts';
export { type ActualTunnels, planTunnels, type TunnelOp } from './tunnels/plan-tunnels.ts';
export { type OnLink, type Reach, reachOf, type TunnelMode } from './tunnels/reach.ts';
export type { TunnelDevice, TunnelEntry } from './tunnels/tunnel-device.ts';
export {
  IPIP_NAME,
  OVERHEAD,
  TUNNEL_DEFAULTS,
  TUNNEL_DEVICE_NAMES,
  type TunnelSettings,
  VXLAN_NAMES,
  WIREGUARD_NAMES,
  type WireguardSettings,
} from './tunnels/tunnel-settings.ts';
export { vtepMac } from './tunnels/vtep-mac.ts';
export {
  type ActualWireguard,
  planWireguard,
  type WireguardOp,
  type WireguardRule,
} from './tunnels/plan-wireguard.ts';
export {
  planPeers,
  WIREGUARD_MARK,
  WIREGUARD_TABLES,
  type WireguardPeer,
  type WireguardPeerOp,
  type WireguardPlan,
  wireguardOf,
} from './tunnels/wireguard.ts';
