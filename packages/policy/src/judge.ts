import type { Endpoint, ServiceFacts, Snapshot } from '@muslin/api';
import { fail, formatIp, type Ip, ok, type Result } from '@muslin/net';
import { decide } from './decide.ts';
import {
  type EndIdentity,
  type Explanation,
  type Flow,
  type FlowEnd,
  type FlowFault,
  formatFlowEnd,
  type Note,
  type PathExplanation,
} from './flow.ts';
import { type LocatedEnd, Locator } from './locator.ts';
import { SnapshotView } from './snapshot-view.ts';
import type { Decision, Packet, Reason } from './trace.ts';

/** Answers questions about one snapshot, and remembers what it worked out for the next one. */
export class Judge {
  readonly #snapshot: Snapshot;
  readonly #locator: Locator;
  readonly #view: SnapshotView;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#locator = new Locator(snapshot);
    this.#view = new SnapshotView(snapshot, this.#locator);
  }

  /** Whether a connection can be opened, and why. */
  verdict(flow: Flow): Result<Explanation, FlowFault> {
    const from = this.#locator.locate(flow.from);
    if (!from.ok) return from;
    const service = this.#serviceOf(flow);
    if (!service.ok) return service;
    if (service.value !== undefined) return this.#toService(flow, from.value, service.value);
    const to = this.#locator.locate(flow.to as FlowEnd);
    if (!to.ok) return to;
    const packet = this.#packet(flow, from.value, to.value.ips);
    if (!packet.ok) return packet;
    const path = this.#path(from.value, to.value, packet.value, undefined);
    return ok({ answer: path.answer, flow, paths: [path], notes: [...from.value.notes, ...to.value.notes] });
  }

  /** The Service that is asked for by name, or by an address and port that kube-proxy would translate. */
  #serviceOf(flow: Flow): Result<ServiceFacts | undefined, FlowFault> {
    const { to } = flow;
    if ('endpoint' in to) return ok(undefined);
    if ('ip' in to) return ok(flow.port === undefined ? undefined : this.#locator.serviceAt(formatIp(to.ip)));
    const service = this.#snapshot.services.get(to.service);
    return service === undefined
      ? fail({
          code: 'UnknownService',
          service: to.service,
          message: `There is no Service ${to.service}. Services are named <namespace>/<name>.`,
        })
      : ok(service);
  }

  /** netpol S22: policies see what is left after translation, a backend and its port. */
  #toService(flow: Flow, from: LocatedEnd, service: ServiceFacts): Result<Explanation, FlowFault> {
    const headless = service.clusterIps.length === 0;
    const port = service.ports.find(p => p.protocol === flow.protocol && p.port === flow.port);
    if (!headless && port === undefined) return fail(noSuchPort(service, flow));
    const clusterIps = 'ip' in flow.to ? [flow.to.ip] : service.clusterIps;
    const dialled = headless ? addressesOf(service).map(backend => backend.ip) : clusterIps;
    const notes: Note[] = [...from.notes];
    const backends = headless
      ? addressesOf(service)
      : service.backends.filter(b => b.protocol === flow.protocol && b.portName === port?.name);
    if (backends.every(backend => !backend.ready)) notes.push({ code: 'no-backends', service: service.key });
    if (backends.length === 0) return ok({ answer: 'deny', flow, paths: [], notes });
    const packet = this.#packet(flow, from, dialled);
    if (!packet.ok) return packet;
    const clusterIp = packet.value.destination;
    notes.push(
      headless
        ? { code: 'headless', service: service.key }
        : { code: 'translated', service: service.key, clusterIp: formatIp(clusterIp), port: flow.port },
    );
    const paths = backends
      .filter(backend => backend.ip.family === clusterIp.family)
      .map(backend => {
        const to = this.#locateIp(backend.ip);
        const destinationPort = headless ? flow.port : backend.port;
        const after: Packet = {
          ...packet.value,
          destination: backend.ip,
          ...(destinationPort !== undefined && { destinationPort }),
        };
        const path = this.#path(from, to, after, headless ? undefined : service);
        if (backend.ready) return path;
        return { ...path, ready: false, notes: [...path.notes, notReady(service)] };
      });
    const allowed = paths.some(path => path.ready && path.answer === 'allow');
    return ok({ answer: allowed ? 'allow' : 'deny', flow, paths, notes });
  }

  #locateIp(ip: Ip): LocatedEnd {
    const located = this.#locator.locate({ ip });
    if (!located.ok) throw new Error(`an address always has an identity: ${located.fault.message}`);
    return located.value;
  }

  #packet(flow: Flow, from: LocatedEnd, to: readonly Ip[]): Result<Packet, FlowFault> {
    const destination = to.find(
      ip => ip.family === (flow.family ?? ip.family) && from.ips.some(own => own.family === ip.family),
    );
    const source = from.ips.find(ip => ip.family === destination?.family);
    if (destination === undefined || source === undefined) return fail(noCommonFamily(flow));
    const icmp = flow.icmp ?? ECHO_REQUEST.get(flow.protocol);
    return ok({
      source,
      destination,
      protocol: flow.protocol,
      ...(flow.sourcePort !== undefined && { sourcePort: flow.sourcePort }),
      ...(flow.port !== undefined && { destinationPort: flow.port }),
      ...(icmp !== undefined && { icmp }),
    });
  }

  #path(
    from: LocatedEnd,
    to: LocatedEnd,
    packet: Packet,
    service: ServiceFacts | undefined,
  ): PathExplanation {
    const self = isSamePod(from.identity, to.identity);
    const hairpin = self && service !== undefined;
    const loopback = self && service === undefined;
    const egress = loopback
      ? granted('egress', from.identity, { code: 'loopback' })
      : this.#decide('egress', from.identity, packet);
    const ingress = loopback
      ? granted('ingress', to.identity, { code: 'loopback' })
      : isOwnNode(from.identity, to.identity) || (hairpin && to.identity.kind === 'pod')
        ? granted('ingress', to.identity, { code: 'own-node', node: nodeOf(to.identity) })
        : this.#decide('ingress', to.identity, packet);
    const answer = egress.answer === 'allow' && ingress.answer === 'allow' ? 'allow' : 'deny';
    const notes: readonly Note[] = hairpin ? [{ code: 'hairpin', node: nodeOf(to.identity) }] : [];
    return {
      answer,
      ready: true,
      packet,
      from: from.identity,
      to: to.identity,
      egress,
      ingress,
      notes,
    };
  }

  #decide(direction: Decision['direction'], identity: EndIdentity, packet: Packet): Decision {
    const endpoint = identity.kind === 'pod' ? this.#endpoint(identity.endpoint) : undefined;
    if (endpoint === undefined) return granted(direction, identity, { code: 'not-selectable' });
    return decide(this.#view.plan(endpoint), this.#view, packet, direction);
  }

  #endpoint(key: string): Endpoint | undefined {
    return this.#snapshot.endpoints.get(key);
  }
}

/** The name of a headless Service resolves to addresses; the caller dials its port there. */
function addressesOf(service: ServiceFacts): ServiceFacts['backends'] {
  const byIp = new Map<string, ServiceFacts['backends'][number]>();
  for (const backend of service.backends) {
    const address = formatIp(backend.ip);
    if (backend.ready || !byIp.has(address)) byIp.set(address, backend);
  }
  return [...byIp.values()];
}

/** ICMP type of a ping: RFC 792 and RFC 4443 §4.1. */
const ECHO_REQUEST: ReadonlyMap<number, { readonly type: number; readonly code: number }> = new Map([
  [1, { type: 8, code: 0 }],
  [58, { type: 128, code: 0 }],
]);

function granted(direction: Decision['direction'], identity: EndIdentity, because: Reason): Decision {
  const endpoint = identity.kind === 'external' ? undefined : identity.endpoint;
  return { direction, ...(endpoint !== undefined && { endpoint }), answer: 'allow', because, tiers: [] };
}

function isSamePod(from: EndIdentity, to: EndIdentity): boolean {
  return from.kind === 'pod' && to.kind === 'pod' && from.endpoint === to.endpoint;
}

function isOwnNode(from: EndIdentity, to: EndIdentity): boolean {
  return from.kind === 'node' && to.kind === 'pod' && from.node === to.node;
}

function nodeOf(identity: EndIdentity): string {
  return identity.kind === 'external' ? '' : identity.node;
}

function notReady(service: ServiceFacts): Note {
  return { code: 'backend-not-ready', service: service.key };
}

function noSuchPort(service: ServiceFacts, flow: Flow): FlowFault {
  const offered = service.ports.map(p => `${p.port}/${p.protocol}`).join(', ') || 'none';
  return {
    code: 'ServiceHasNoSuchPort',
    service: service.key,
    message: `Service ${service.key} has no port ${flow.port ?? '(none given)'} for protocol ${flow.protocol}; it has ${offered}.`,
  };
}

function noCommonFamily(flow: Flow): FlowFault {
  const family = flow.family === undefined ? 'IP family' : `IPv${flow.family} address`;
  return {
    code: 'NoCommonFamily',
    message: `${formatFlowEnd(flow.from)} and ${formatFlowEnd(flow.to)} share no ${family}.`,
  };
}
