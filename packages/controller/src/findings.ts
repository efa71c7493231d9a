import { type Finding, normalise } from '@muslin/api';
import { type AnyObject, apiVersionOf, type Note, RESOURCES } from '@muslin/kube';

/** Kinds of policies that have a status. Kubernetes gives its own NetworkPolicy none (KEP-2943 was withdrawn). */
export const POLICIES_WITH_STATUS = [
  'CalicoNetworkPolicy',
  'GlobalNetworkPolicy',
  'StagedNetworkPolicy',
  'StagedGlobalNetworkPolicy',
  'StagedKubernetesNetworkPolicy',
  'ClusterNetworkPolicy',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
] as const;

/** Kinds that people write and whose schema can't say all that may be wrong. */
export const JUDGED_KINDS = [
  'NetworkPolicy',
  ...POLICIES_WITH_STATUS,
  'NetworkSet',
  'GlobalNetworkSet',
  'HostEndpoint',
  'BGPConfiguration',
  'BGPPeer',
  'BGPFilter',
  'FelixConfiguration',
] as const;

/** One of them. */
export type JudgedKind = (typeof JUDGED_KINDS)[number];

/** Most findings of an object that one Event names. */
const MOST = 5;

/** What is wrong with an object. */
export function findingsOf(kind: JudgedKind, object: AnyObject): readonly Finding[] {
  return normalise(wholeOf(kind, object)).findings;
}

/** Lists leave apiVersion and kind out. */
function wholeOf(kind: JudgedKind, object: AnyObject) {
  const resource = RESOURCES[kind];
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

/**
 * What is to be told of an object: that it is not in force, or that parts of it are not, field by field; undefined when
 * all of it is.
 */
export function findingNote(kind: JudgedKind, object: AnyObject, fanout = false): Note | undefined {
  const whole = wholeOf(kind, object);
  const { facts, findings: own } = normalise(whole);
  const findings = fanout ? [...own, ...againstFanout(whole)] : own;
  if (findings.length === 0) return undefined;
  const wrong = findings.some(({ severity }) => severity === 'error') && facts.length === 0;
  const told = findings.slice(0, MOST).map(({ path, message }) => (path ? `${path} ${message}` : message));
  const more = findings.length > MOST ? `; and ${findings.length - MOST} more` : '';
  const { name = '', namespace, uid } = object.metadata;
  return {
    about: {
      ...{ apiVersion: whole.apiVersion, kind: whole.kind, name },
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
    type: 'Warning',
    reason: wrong ? 'NotInForce' : 'PartlyInForce',
    message: `${wrong ? 'not in effect: ' : ''}${told.join('; ')}${more}`,
  };
}

/** What a FelixConfiguration asks for that agents can't do who are told by a controller. */
function againstFanout(object: AnyObject): readonly Pick<Finding, 'path' | 'message' | 'severity'>[] {
  const { routeSource } = (object['spec'] ?? {}) as { readonly routeSource?: unknown };
  if (object.kind !== 'FelixConfiguration' || !/^workloadips$/i.test(String(routeSource))) return [];
  const message =
    'WorkloadIPs does not go with fan-out: nodes are not told where pods of other nodes are, so overlays lead to podCIDRs alone. Set fanout.enabled: false in the chart, or take it out';
  return [{ path: 'spec.routeSource', severity: 'warning', message }];
}

/** Tells each finding once for each state of an object. */
export class Findings {
  readonly #tell: (note: Note) => void;
  readonly #fanout: boolean;
  readonly #told = new Map<string, string>();

  /** @param fanout whether agents are told by controllers */
  constructor(tell: (note: Note) => void, fanout: boolean) {
    this.#tell = tell;
    this.#fanout = fanout;
  }

  /** An object that is there; undefined: gone. */
  look(kind: JudgedKind, key: string, object: AnyObject | undefined): void {
    const id = `${kind}/${key}`;
    const note = object === undefined ? undefined : findingNote(kind, object, this.#fanout);
    const text = note === undefined ? undefined : `${note.about.uid} ${note.message}`;
    if (text === undefined) this.#told.delete(id);
    else if (this.#told.get(id) !== text) this.#told.set(id, text);
    else return;
    if (note !== undefined) this.#tell(note);
  }
}
