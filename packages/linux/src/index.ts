/**
 * The kernel's door: netlink, namespaces, iptables, ipset, conntrack and TCP options. The only room with a
 * foreign function interface, kept in `syscalls.ts`.
 *
 * @packageDocumentation
 */
export {
  NETLINK,
  type NetlinkOptions,
  type NetlinkRequest,
  NetlinkSocket,
} from './netlink/netlink-socket.ts';
export { type CountedBackEnd, CountReader } from './counts/count-reader.ts';
export type { MemberCount, RuleCount } from './counts/rule-count.ts';
export type { WaitingSocket } from './netlink/waiting-socket.ts';
export type { NetlinkFault } from './netlink/netlink-fault.ts';
export {
  fileFault,
  inNamespace,
  type Namespace,
  openNamespace,
  ownNamespace,
  withNamespace,
} from './netns/namespace.ts';
export {
  type ListenOptions,
  netlinkIn,
  tcpListenIn,
  tcpSocketIn,
  udpSocketIn,
  waitingNetlinkIn,
} from './netns/namespace-sockets.ts';
export { createNamespace, deleteNamespace, listNamespaces } from './netns/named-namespace.ts';
export { readSysctl, sysctl, sysctls } from './netns/sysctl.ts';
export {
  deleteAddress,
  type LinkAddress,
  listAddresses,
  onLinkPrefix,
  putAddress,
  putAddressRequest,
} from './rtnetlink/addresses.ts';
export {
  changeLink,
  changeLinkRequest,
  createLink,
  createLinkRequest,
  deleteLink,
  deleteLinkGroup,
  deleteLinkGroupRequest,
  deleteLinkRequest,
  findLink,
  type IpipDevice,
  type Link,
  type LinkChange,
  type LinkPlan,
  type LinkRef,
  listLinks,
  type VethPeer,
  type VxlanDevice,
} from './rtnetlink/links.ts';
export {
  deleteNeighbour,
  deleteNeighbourRequest,
  listNeighbours,
  type Neighbour,
  type NeighbourPlan,
  putNeighbour,
  putNeighbourRequest,
} from './rtnetlink/neighbours.ts';
export type { NextHop } from './rtnetlink/route-attributes.ts';
export {
  addRouteRequest,
  deleteRouteRequest,
  type KernelRoute,
  listRoutes,
  ROUTE_PROTOCOL,
  ROUTE_TABLE,
  type RouteFilter,
  type RouteKey,
  type KernelRouteType,
  replaceRouteRequest,
} from './rtnetlink/routes.ts';
export { listQdiscs, putBucketRequest, type Qdisc, type TokenBucket } from './rtnetlink/qdiscs.ts';
export { sourceTowards } from './rtnetlink/route-lookup.ts';
export { openRouteSocket } from './rtnetlink/route-socket.ts';
export { addRule, addRuleRequest, deleteRule, listRules, type RoutingRule } from './rtnetlink/rules.ts';
export type { SystemCalls, SystemFault } from './system-calls.ts';
export { systemCalls } from './syscalls.ts';
export { type Hear, hearNow } from './tcp/hear-now.ts';
export { socketFd } from './tcp/socket-fd.ts';
export { type AoKey, addAoKey } from './tcp/tcp-ao.ts';
export { type TcpLosses, tcpLosses } from './tcp/tcp-losses.ts';
export { type Md5Key, setMd5Key, setMinimumTtl, setTtl } from './tcp/tcp-options.ts';
export {
  type DialPlan,
  type HopLimits,
  type ListenerKeys,
  limitHops,
  type TcpListener,
  TcpTransport,
} from './tcp/tcp-transport.ts';
export { writeNow } from './tcp/write-now.ts';
export { type CommandFault, type CommandOptions, runCommand } from './command.ts';
export type { RefusedStep, StepsFault } from './driver-fault.ts';
export { commandIpsetDriver } from './ipset/ipset-command-driver.ts';
export { type IpsetDriver, type IpsetStep, NetlinkIpsetDriver } from './ipset/ipset-driver.ts';
export type { IpsetOp } from './ipset/ipset-op.ts';
export { type BackendChoice, detectBackend } from './iptables/detect-backend.ts';
export {
  type Backend,
  type IptablesDriver,
  type IptablesFault,
  type IptablesOptions,
  type IptablesTable,
  spawningIptablesDriver,
} from './iptables/iptables-driver.ts';
export { keptIptablesDriver } from './iptables/kept-iptables-driver.ts';
export type { RestoreFault } from './iptables/restore-fault.ts';
export { type KernelDoor, openKernel } from './kernel-door.ts';
export { NetlinkNftDriver } from './nft/netlink-nft-driver.ts';
export { watchNft } from './nft/watch-nft.ts';
export { type NftDriver, nftDriver, type NftStep } from './nft/nft-driver.ts';
export { LinkTable } from './routes/link-table.ts';
export type { NoLinkFault } from './routes/route-codec.ts';
export { RouteDriver, type RouteFault, type RouteOp, type RouteReading } from './routes/route-driver.ts';
export { type KernelEvent, type Topic, type Watch, watchKernel, watchLinks } from './rtnetlink/watch.ts';
export {
  ConntrackDriver,
  type Counters,
  type Flow,
  type FlowFilter,
} from './conntrack/conntrack-driver.ts';
export type { FlowTuple } from './conntrack/flow-attributes.ts';
export { listenPrivately } from './private-socket.ts';
export { openStage } from './stage-door.ts';
export { serveStatus, type StatusPages } from './status-server.ts';
export { type LoggedPacket, type PacketLogOptions, watchPacketLog } from './nflog/packet-log.ts';
export { LinkFeatures } from './genetlink/link-features.ts';
export { type WireguardChange, type WireguardDevice, WireguardDriver } from './genetlink/wireguard.ts';
export { WireguardKernel } from './tunnels/wireguard-kernel.ts';
export { TunnelDriver, type TunnelFault } from './tunnels/tunnel-driver.ts';
