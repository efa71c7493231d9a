/**
 * The API server's door: connections, a REST client, reflectors, leader election, events, status, discovery.
 *
 * @packageDocumentation
 */
export { backOffMs, type BackOffShape, DEFAULT_BACK_OFF } from './back-off.ts';
export { type ClusterWatches, kindOfPolicyKey, type Sighting, watchCluster } from './cluster-watches.ts';
export {
  decodeCertificate,
  decodeEnrolment,
  decodeHello,
  decodeLine,
  encodeBeat,
  encodeEnd,
  encodeGone,
  encodeHello,
  encodeCertificate,
  encodeEnrolment,
  encodeMembers,
  encodeObject,
  encodeRefusal,
  encodeSet,
  encodeSetGone,
  encodeWelcome,
  FANOUT_PROTOCOL,
  type FanoutEnrolment,
  type FanoutFault,
  type FanoutHello,
  type FanoutLine,
  type FanoutMembers,
  type FanoutObject,
  type FanoutPart,
  type FanoutThrough,
} from './fanout-message.ts';
export { LineSplitter, type LineStep } from './lines.ts';
export { type Clock, type Random, systemClock } from './clock.ts';
export type { Bearer, ConfigFault, Connection, ExecPlugin, Material } from './connection.ts';
export { inClusterConnection, type InClusterOptions, loadConnection } from './in-cluster.ts';
export { KubeClient, type CallOptions, type ClientOptions, type RawRequest } from './kube-client.ts';
export {
  isPassing,
  type KubeFault,
  type KubeFaultCode,
  type StatusCause,
  type StatusDetails,
} from './kube-fault.ts';
export { type KubeconfigOptions, loadKubeconfig } from './kubeconfig.ts';
export {
  type AnyObject,
  keyOf,
  type KubeList,
  type KubeObject,
  nameOf,
  type ObjectMeta,
  type ObjectName,
  type OwnerReference,
} from './kube-object.ts';
export type { DeleteOptions, JsonPatchStep, ListQuery, Patch, WatchQuery, WriteOptions } from './query.ts';
export {
  type Freshness,
  type ListWatch,
  Reflector,
  type ReflectorEvent,
  type ReflectorOptions,
} from './reflector.ts';
export { type Reflecting, ReflectorGroup } from './reflector-group.ts';
export { apiVersionOf, pathOf, type Resource, resourceName, type ResourcePath } from './resource.ts';
export { RESOURCES } from './resources.ts';
export { Secret } from './secret.ts';
export { diffRelist, type ObjectEvent } from './store-diff.ts';
export { explainWatchFault } from './watch-fault.ts';
export { watchFaults } from './watch-faults.ts';
export type { WatchEvent } from './watch-event.ts';
export type { WatchStream } from './watch-stream.ts';
export {
  discover,
  type ServedResource,
} from './discovery.ts';
export {
  aggregate,
  type AggregateState,
  type EventEffect,
  type KubeEvent,
  NOTHING_TOLD,
  type Note,
  type Reporter,
} from './event-aggregate.ts';
export { EventRecorder, type RecorderOptions } from './event-recorder.ts';
export { type ElectionOptions, LeaderElection } from './leader-election.ts';
export {
  type ElectionConfig,
  type Lease,
  type LeaseEffect,
  type LeaseInput,
  type LeaseState,
  leaseStep,
  microTime,
  NEW_CANDIDATE,
} from './lease.ts';
export { mergePatch, sameJson } from './merge-patch.ts';
export {
  type StatusChange,
  type StatusOutcome,
  StatusWriter,
  type StatusWriterOptions,
} from './status-writer.ts';
export { type IpamCache, ipamStore } from './ipam-store.ts';
export { type Trim, trimNode, trimPod } from './unread-fields.ts';
