import type { EndpointKey, IcmpMatch, ObjectRef } from '@muslin/api';
import { type Family, formatIp, type Ip } from '@muslin/net';
import type { Decision, Packet } from './trace.ts';

/** One end of a connection: an endpoint by key, or an address (that may turn out to be a pod's or a node's). */
export type FlowEnd = { readonly endpoint: EndpointKey } | { readonly ip: Ip };

/** A connection that somebody opens, as the one who opens it sees it. */
export interface Flow {
  readonly from: FlowEnd;
  /** `service`: `namespace/name`. */
  readonly to: FlowEnd | { readonly service: string };
  /** IANA protocol number. */
  readonly protocol: number;
  /** The port that is dialled; of a Service, its own port. Absent for protocols without ports. */
  readonly port?: number;
  /** Absent: not known, so rules about source ports do not match. */
  readonly sourcePort?: number;
  /** Absent with protocol ICMP or ICMPv6: an echo request (RFC 792, RFC 4443 §4.1). */
  readonly icmp?: Required<IcmpMatch>;
  /** Absent: the first address of the destination whose family the source has too. */
  readonly family?: Family;
}

/** Why a question about a flow has no answer. */
export type FlowFault =
  | { readonly code: 'UnknownEndpoint'; readonly endpoint: EndpointKey; readonly message: string }
  | { readonly code: 'UnknownService'; readonly service: string; readonly message: string }
  | { readonly code: 'EndpointHasNoAddress'; readonly endpoint: EndpointKey; readonly message: string }
  | { readonly code: 'ServiceIsAName'; readonly service: string; readonly message: string }
  | { readonly code: 'ServiceHasNoSuchPort'; readonly service: string; readonly message: string }
  | { readonly code: 'NoCommonFamily'; readonly message: string };

/** Who an end is to the network. A host-networked pod is its node; `endpoint` then says which pod was asked for. */
export type EndIdentity =
  | { readonly kind: 'pod'; readonly endpoint: EndpointKey; readonly node: string }
  | { readonly kind: 'node'; readonly node: string; readonly endpoint?: EndpointKey }
  | { readonly kind: 'external' };

/** Something to know beside the decisions. */
export type Note =
  | {
      readonly code: 'translated';
      readonly service: string;
      readonly clusterIp: string;
      readonly port: number | undefined;
    }
  | { readonly code: 'headless'; readonly service: string }
  /** A port of a node that leads to a pod's (Pod v1 `hostPort`): rules see the pod and its own port. */
  | {
      readonly code: 'host-port';
      readonly node: string;
      readonly hostPort: number;
      readonly endpoint: EndpointKey;
      readonly port: number;
    }
  /** Came in at a node that sends it on to another one, with its own address as the source (netpol S23). */
  | { readonly code: 'sent-on'; readonly node: string }
  /** No one knows at which node it comes in: taken for the backend's own, where its source is not changed. */
  | { readonly code: 'entry-unknown'; readonly service: string }
  | { readonly code: 'no-backends'; readonly service: string }
  | { readonly code: 'backend-not-ready'; readonly service: string }
  /** A pod that reaches itself through a Service arrives with its node's address (netpol S21). */
  | { readonly code: 'hairpin'; readonly node: string }
  /** The interface of the node is not known; this host endpoint names one and was taken. */
  | { readonly code: 'assumed-interface'; readonly endpoint: EndpointKey }
  /** What the answer would be if a policy that was asked were deleted, as this staged one proposes. */
  | {
      readonly code: 'staged-deletion';
      readonly staged: ObjectRef;
      readonly policy: ObjectRef;
      readonly answer: 'allow' | 'deny';
    }
  /** The address is listed by several pods; the first was taken. */
  | { readonly code: 'shared-address'; readonly endpoints: readonly EndpointKey[] };

/** What happens on one way a connection may take; a Service has one for each backend. */
export interface PathExplanation {
  /** Both ends must allow (netpol S9). */
  readonly answer: 'allow' | 'deny';
  /** Whether the Service may choose this backend; true without a Service. */
  readonly ready: boolean;
  readonly packet: Packet;
  readonly from: EndIdentity;
  readonly to: EndIdentity;
  readonly egress: Decision;
  readonly ingress: Decision;
  /** Host endpoints that forward the packet, in the order in which it meets them; all must allow. */
  readonly crossings: readonly Decision[];
  readonly notes: readonly Note[];
}

/** Whether a connection can be opened, and why. A plain value that survives JSON. */
export interface Explanation {
  /** For a Service: whether any ready backend can be reached. */
  readonly answer: 'allow' | 'deny';
  readonly flow: Flow;
  readonly paths: readonly PathExplanation[];
  readonly notes: readonly Note[];
}

/** How people name an end that has not been looked up yet. */
export function formatFlowEnd(end: Flow['to']): string {
  if ('ip' in end) return formatIp(end.ip);
  return 'service' in end ? `service/${end.service}` : end.endpoint;
}
