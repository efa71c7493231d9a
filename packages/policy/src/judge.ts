import type { ServiceFacts, Snapshot } from '@muslin/api';
import { fail, formatIp, type Ip, ok, type Result } from '@muslin/net';
import {
  type Explanation,
  type Flow,
  type FlowEnd,
  type FlowFault,
  formatFlowEnd,
  type Note,
  type PathExplanation,
} from './flow.ts';
import { type LocatedEnd, Locator } from './locator.ts';
import { explainPath, firstPacket } from './path.ts';
import { SnapshotView } from './snapshot-view.ts';
import type { Packet } from './trace.ts';
import { translate } from './translation.ts';

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
    const path = this.#path(from.value, to.value, packet.value);
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
    const translation = translate(service, flow);
    if (!translation.ok) return translation;
    const { headless, dialled, backends } = translation.value;
    const noBackends: Note = { code: 'no-backends', service: service.key };
    if (headless && backends.length === 0)
      return ok({ answer: 'deny', flow, paths: [], notes: [...from.notes, noBackends] });
    const packet = this.#packet(flow, from, dialled);
    if (!packet.ok) return packet;
    const { destination: chosen } = packet.value;
    const paths = backends
      .filter(backend => backend.ip.family === chosen.family)
      .map(({ ip, port, ready }) => {
        const after: Packet = {
          ...packet.value,
          destination: ip,
          ...(port !== undefined && { destinationPort: port }),
        };
        const path = headless
          ? this.#path(from, this.#locateIp(ip), after)
          : this.#path(from, this.#locateIp(ip), after, service, packet.value);
        return ready ? path : { ...path, ready, notes: [...path.notes, notReady(service)] };
      });
    const notes: readonly Note[] = [
      ...from.notes,
      headless
        ? { code: 'headless', service: service.key }
        : { code: 'translated', service: service.key, clusterIp: formatIp(chosen), port: flow.port },
      ...(paths.some(path => path.ready) ? [] : [noBackends]),
    ];
    const allowed = paths.some(path => path.ready && path.answer === 'allow');
    return ok({ answer: allowed ? 'allow' : 'deny', flow, paths, notes });
  }

  #locateIp(ip: Ip): LocatedEnd {
    const located = this.#locator.locate({ ip });
    if (!located.ok) throw new Error(`an address always has an identity: ${located.fault.message}`);
    return located.value;
  }

  #packet(flow: Flow, from: LocatedEnd, to: readonly Ip[]): Result<Packet, FlowFault> {
    const packet = firstPacket(flow, from.ips, to);
    return packet === undefined ? fail(noCommonFamily(flow)) : ok(packet);
  }

  #path(
    from: LocatedEnd,
    to: LocatedEnd,
    packet: Packet,
    service?: ServiceFacts,
    before?: Packet,
  ): PathExplanation {
    return explainPath(this.#snapshot, this.#view, from.identity, to.identity, packet, service, before);
  }
}

function notReady(service: ServiceFacts): Note {
  return { code: 'backend-not-ready', service: service.key };
}

function noCommonFamily(flow: Flow): FlowFault {
  const family = flow.family === undefined ? 'IP family' : `IPv${flow.family} address`;
  return {
    code: 'NoCommonFamily',
    message: `${formatFlowEnd(flow.from)} and ${formatFlowEnd(flow.to)} share no ${family}.`,
  };
}
