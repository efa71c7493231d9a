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
import { type AtHostPort, explainHostPortPath } from './host-port-path.ts';
import { type AtDoor, type LocatedEnd, Locator } from './locator.ts';
import { explainPath, firstPacket } from './path.ts';
import { explainServicePath, mayBeChosen } from './service-path.ts';
import { SnapshotView } from './snapshot-view.ts';
import { type StagedDeletion, stagedDeletions, wasAsked } from './staged-deletions.ts';
import type { Packet } from './trace.ts';
import { translate } from './translation.ts';

/** Names of Services in the cluster's DNS, whatever its domain. */
const CLUSTER_NAME = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\..*)?$/;

/** Answers questions about one snapshot, and remembers what it worked out for the next one. */
export class Judge {
  readonly #snapshot: Snapshot;
  readonly #locator: Locator;
  readonly #view: SnapshotView;
  #deletions: readonly (StagedDeletion & { readonly judge: Judge })[] | undefined;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#locator = new Locator(snapshot);
    this.#view = new SnapshotView(snapshot, this.#locator);
  }

  /** Whether a connection can be opened, and why. */
  verdict(flow: Flow): Result<Explanation, FlowFault> {
    const found = this.#enforced(flow);
    if (!found.ok) return found;
    const staged = this.#stagedNotes(flow, found.value);
    return staged.length === 0 ? found : ok({ ...found.value, notes: [...found.value.notes, ...staged] });
  }

  #stagedNotes(flow: Flow, explanation: Explanation): readonly Note[] {
    this.#deletions ??= stagedDeletions(this.#snapshot).map(deletion => ({
      ...deletion,
      judge: new Judge(deletion.after),
    }));
    return this.#deletions.flatMap(({ staged, policy, key, judge }): readonly Note[] => {
      const without = wasAsked(explanation, key) ? judge.#enforced(flow) : undefined;
      return without?.ok ? [{ code: 'staged-deletion', staged, policy, answer: without.value.answer }] : [];
    });
  }

  #enforced(flow: Flow): Result<Explanation, FlowFault> {
    const from = this.#locator.locate(flow.from);
    if (!from.ok) return from;
    const service = this.#serviceOf(flow);
    if (!service.ok) return service;
    if (service.value !== undefined) return this.#toService(flow, from.value, service.value);
    const to = this.#locator.locate(flow.to as FlowEnd);
    if (!to.ok) return to;
    const packet = this.#packet(flow, from.value, to.value.ips);
    if (!packet.ok) return packet;
    const behind = this.#hostPortOf(packet.value);
    if (behind !== undefined) return ok(this.#toHostPort(flow, from.value, behind, packet.value));
    const path = this.#path(from.value, to.value, packet.value);
    return ok({ answer: path.answer, flow, paths: [path], notes: [...from.value.notes, ...to.value.notes] });
  }

  /** The Service that is asked for by name, or by an address and port that kube-proxy would translate. */
  #serviceOf({ to, protocol, port }: Flow): Result<AtDoor | undefined, FlowFault> {
    if ('endpoint' in to) return ok(undefined);
    if ('ip' in to) {
      const isPods = port === undefined || this.#locator.hostPortAt(to.ip, protocol, port) !== undefined;
      return ok(isPods ? undefined : this.#locator.serviceAt(formatIp(to.ip), protocol, port));
    }
    const service = this.#named(to.service);
    return service === undefined
      ? fail({
          code: 'UnknownService',
          service: to.service,
          message: `There is no Service ${to.service}. Services are named <namespace>/<name>.`,
        })
      : ok({ service, door: { kind: 'inside' } });
  }

  /** A Service, or the one that its ExternalName is another name for. */
  #named(key: string): ServiceFacts | undefined {
    const { services } = this.#snapshot;
    let service = services.get(key);
    for (let hops = 0; service?.externalName !== undefined && hops < 8; hops++) {
      const [, name, namespace] = CLUSTER_NAME.exec(service.externalName) ?? [];
      const next = services.get(`${namespace}/${name}`);
      if (next === undefined) break;
      service = next;
    }
    return service;
  }

  /** netpol S22: policies see what is left after translation, a backend and its port. */
  #toService(flow: Flow, from: LocatedEnd, { service, door }: AtDoor): Result<Explanation, FlowFault> {
    const translation = translate(service, flow, door);
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
        const to = this.#locateIp(ip);
        const leg = {
          service,
          door,
          from: from.identity,
          to: to.identity,
          dialled: packet.value,
          packet: after,
        };
        const path = headless
          ? this.#path(from, to, after)
          : explainServicePath(this.#snapshot, this.#view, leg);
        return ready && mayBeChosen(leg)
          ? path
          : { ...path, ready: false, notes: [...path.notes, notReady(service)] };
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

  #hostPortOf({ destination, protocol, destinationPort: port }: Packet): AtHostPort | undefined {
    return port === undefined ? undefined : this.#locator.hostPortAt(destination, protocol, port);
  }

  #toHostPort(flow: Flow, from: LocatedEnd, behind: AtHostPort, dialled: Packet): Explanation {
    const path = explainHostPortPath(this.#snapshot, this.#view, behind, from.identity, dialled);
    const { node, endpoint, facts } = behind;
    const { hostPort, port } = facts;
    const note: Note = { code: 'host-port', node, hostPort, endpoint: endpoint.key, port };
    return { answer: path.answer, flow, paths: [path], notes: [...from.notes, note] };
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

  #path(from: LocatedEnd, to: LocatedEnd, packet: Packet): PathExplanation {
    return explainPath(this.#snapshot, this.#view, from.identity, to.identity, packet);
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
