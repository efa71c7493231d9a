import type { calicoNodeStatus, StatusOf } from '@muslin/api';
import { formatIp } from '@muslin/net';
import type { DesiredSpeaker } from './desired-speaker.ts';
import type { PeerReport } from './peer-report.ts';

/** The status of a CalicoNodeStatus (projectcalico.org/v3). */
export type CalicoStatus = NonNullable<StatusOf<typeof calicoNodeStatus>>;
type RouteRow = NonNullable<NonNullable<NonNullable<CalicoStatus>['routes']>['routesV4']>[number];

const CLASSES = ['Agent', 'BGP', 'Routes'] as const;
type Class = (typeof CLASSES)[number];

/** What somebody asks about a node. */
export interface NodeQuestion {
  readonly classes: readonly Class[];
  /** 0: answer once. */
  readonly periodSeconds: number;
}

/** A route of the node, for the class Routes. */
export interface SeenRoute {
  readonly family: 4 | 6;
  readonly destination: string;
  readonly gateway: string | undefined;
  readonly interfaceName: string | undefined;
  /** Address of the peer that told it; undefined: not BGP. */
  readonly peer: string | undefined;
  /** The kernel uses it. */
  readonly inKernel: boolean;
}

/** What there is to answer with. */
export interface NodeAnswerView {
  readonly desired: DesiredSpeaker | undefined;
  readonly peers: readonly PeerReport[];
  readonly routes: readonly SeenRoute[];
  readonly version: string;
  /** RFC 3339. */
  readonly bootTime: string;
  readonly changeTime: string | undefined;
  readonly timeOf: (at: number) => string;
}

const USUAL_PERIOD = 10;

/** Reads the question of a CalicoNodeStatus; undefined when it is about another node. */
export function readQuestion(object: object, node: string): NodeQuestion | undefined {
  const { spec } = object as { readonly spec?: Readonly<Record<string, unknown>> };
  if (spec?.['node'] !== node) return undefined;
  const { classes, updatePeriodSeconds: period } = spec;
  const asked = Array.isArray(classes) ? CLASSES.filter(name => classes.includes(name)) : [];
  return {
    classes: asked,
    periodSeconds: typeof period === 'number' && period >= 0 ? period : USUAL_PERIOD,
  };
}

/** The answer. Classes that weren't asked for are absent. */
export function calicoStatus(view: NodeAnswerView, classes: readonly Class[]): CalicoStatus {
  return {
    ...(classes.includes('Agent') ? { agent: agent(view) } : {}),
    ...(classes.includes('BGP') ? { bgp: bgp(view) } : {}),
    ...(classes.includes('Routes') ? { routes: routes(view) } : {}),
  };
}

/** One program speaks for both families. */
function agent(view: NodeAnswerView) {
  const daemon = {
    state: view.desired === undefined ? ('NotReady' as const) : ('Ready' as const),
    version: view.version,
    ...(view.desired === undefined ? {} : { routerID: formatIp(view.desired.routerId) }),
    lastBootTime: view.bootTime,
    ...(view.changeTime === undefined ? {} : { lastReconfigurationTime: view.changeTime }),
  };
  return { birdV4: daemon, birdV6: daemon };
}

function bgp({ peers, timeOf }: NodeAnswerView) {
  const of = (family: 4 | 6) => peers.filter(peer => peer.remoteIp.family === family);
  const up = (list: readonly PeerReport[]) => list.filter(peer => peer.state === 'Established').length;
  const rows = (list: readonly PeerReport[]) =>
    list.map(peer => ({
      peerIP: formatIp(peer.remoteIp),
      type: peer.type,
      state: peer.state,
      since: timeOf(peer.since),
    }));
  const [v4, v6] = [of(4), of(6)];
  return {
    numberEstablishedV4: up(v4),
    numberNotEstablishedV4: v4.length - up(v4),
    numberEstablishedV6: up(v6),
    numberNotEstablishedV6: v6.length - up(v6),
    peersV4: rows(v4),
    peersV6: rows(v6),
  };
}

function routes({ routes: seen, peers }: NodeAnswerView) {
  const types = new Map(peers.map(peer => [peer.id, peer.type]));
  const rows = (family: 4 | 6): RouteRow[] =>
    seen
      .filter(route => route.family === family)
      .map(({ destination, gateway, interfaceName, peer, inKernel }) => ({
        type: inKernel ? 'FIB' : 'RIB',
        destination,
        ...(gateway === undefined ? {} : { gateway }),
        ...(interfaceName === undefined ? {} : { interface: interfaceName }),
        learnedFrom:
          peer === undefined
            ? { sourceType: gateway === undefined ? 'Direct' : 'Kernel' }
            : { sourceType: types.get(peer) === 'NodeMesh' ? 'NodeMesh' : 'BGPPeer', peerIP: peer },
      }));
  return { routesV4: rows(4), routesV6: rows(6) };
}
