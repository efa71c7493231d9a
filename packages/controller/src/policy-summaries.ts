import { type Finding, normalise, type policyStatus, type StatusOf } from '@muslin/api';
import { type AnyObject, apiVersionOf, type KubeClient, RESOURCES, StatusWriter } from '@muslin/kube';
import {
  asOf,
  type NodeReport,
  POLICY_KINDS,
  type PolicyRow,
  policyRow,
  type WrittenPolicy,
} from '@muslin/policy';
import { acceptedCondition } from './accepted.ts';
import { type WantedCondition, withCondition } from './condition.ts';

/** Kinds of policies, as `RESOURCES` names them. */
export const POLICY_RESOURCES = Object.values(POLICY_KINDS).map(
  ({ watched }) => watched as keyof typeof RESOURCES,
);

type Status = NonNullable<StatusOf<typeof policyStatus>>;

/** A policy as a watch showed it, with what is wrong with it. */
interface Known {
  readonly policy: WrittenPolicy;
  readonly staged: boolean;
  readonly findings: readonly Finding[];
  readonly inEffect: boolean;
}

/** What adding up takes. */
export interface PolicySummariesOptions {
  readonly client: KubeClient;
  /** Names of all nodes. */
  readonly nodes: () => readonly string[];
  readonly reports: ReadonlyMap<string, NodeReport>;
  /** PolicyStatuses that are there, by name. */
  readonly told: ReadonlyMap<string, AnyObject>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Adds up what nodes say of each policy, into one PolicyStatus for each. */
export class PolicySummaries {
  readonly #options: PolicySummariesOptions;
  readonly #writer: StatusWriter;
  /** By name of the PolicyStatus. */
  readonly #known = new Map<string, Known>();

  constructor(options: PolicySummariesOptions) {
    this.#options = options;
    this.#writer = new StatusWriter(options.client);
  }

  /** A policy that is there or gone. */
  saw(kind: keyof typeof RESOURCES, object: AnyObject, gone: boolean): void {
    const resource = RESOURCES[kind];
    const { prefix = '', watched = '' } = POLICY_KINDS[`${resource.group}/${resource.kind}`] ?? {};
    const { name = '', namespace, uid = '', generation, resourceVersion = '' } = object.metadata;
    const key = [prefix, namespace, name].filter(part => part !== undefined).join('/');
    const id = nameOf(key);
    if (gone) {
      this.#known.delete(id);
      return;
    }
    // A new status or label is no new policy: nodes must not be asked for it anew.
    const before = this.#known.get(id)?.policy;
    const same = before !== undefined && before.uid === uid && before.generation === generation;
    if (same && generation !== undefined) return;
    const whole = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
    const { facts, findings } = normalise(whole);
    const ref = { kind: resource.kind, ...(namespace !== undefined && { namespace }), name };
    this.#known.set(id, {
      policy: { ref, key, watched, uid, generation, resourceVersion },
      staged: resource.kind.startsWith('Staged'),
      findings,
      inEffect: facts.length > 0,
    });
  }

  /** Names of those that are not as they should be: wrong, missing, or of policies that are gone. */
  stale(): readonly string[] {
    const { told } = this.#options;
    const left = [...told.keys()].filter(name => !this.#known.has(name));
    const reports = this.#reports();
    const wrong = [...this.#known.keys()].filter(name => {
      const object = told.get(name);
      return object === undefined || !holds(object, this.#wanted(name, reports));
    });
    return [...left, ...wrong];
  }

  /** Makes one right. */
  async reconcile(name: string): Promise<string | undefined> {
    const { client, told } = this.#options;
    const resource = RESOURCES.PolicyStatus;
    const wanted = this.#wanted(name, this.#reports());
    if (wanted === undefined) {
      const gone = await client.delete(resource, { name });
      return gone.ok || gone.fault.code === 'NotFound' ? undefined : gone.fault.message;
    }
    if (!told.has(name)) {
      const made = await client.create(resource, { metadata: { name }, spec: {} } as AnyObject);
      if (!made.ok && made.fault.code !== 'AlreadyExists') return made.fault.message;
    }
    const done = await this.#writer.write(resource, { name }, object => ({
      ...wanted.fields,
      conditions: wanted.conditions.reduce<readonly object[]>(
        (conditions, condition) => withCondition({ ...object, status: { conditions } }, condition),
        (object['status'] as Status | undefined)?.conditions ?? [],
      ),
    }));
    return done.ok ? undefined : done.fault.message;
  }

  /** What nodes said, for what it is worth now. */
  #reports(): ReadonlyMap<string, NodeReport> {
    const now = this.#options.now();
    return new Map([...this.#options.reports].map(([node, report]) => [node, asOf(report, now)]));
  }

  #wanted(name: string, reports: ReadonlyMap<string, NodeReport>): Wanted | undefined {
    const known = this.#known.get(name);
    if (known === undefined) return undefined;
    const { nodes } = this.#options;
    const { policy, staged, findings, inEffect } = known;
    const row = policyRow(policy, nodes(), reports, new Map(), findings, staged, inEffect);
    return wantedOf(row, reports);
  }
}

interface Wanted {
  readonly fields: Omit<Status, 'conditions'>;
  readonly conditions: readonly WantedCondition[];
}

/** Most nodes that a message names. */
const MOST = 3;

function wantedOf(row: PolicyRow, reports: ReadonlyMap<string, NodeReport>): Wanted {
  const { policy, nodes, slowest, behind, state, findings } = row;
  const { kind, namespace, name } = policy.ref;
  const late = new Set(behind.map(({ node }) => node));
  const off = state === 'Rejected' || state === 'Staged';
  const pods = [...reports.values()]
    .filter(({ node }) => !off && !late.has(node))
    .reduce((sum, report) => sum + (report.policies.get(policy.key)?.pods ?? 0), 0);
  const fields = {
    policy: policy.key,
    kind,
    ...(namespace !== undefined && { namespace }),
    name,
    ...(policy.uid !== '' && { uid: policy.uid }),
    ...(policy.generation !== undefined && { generation: policy.generation }),
    nodes: `${nodes.done}/${nodes.all}`,
    pods,
    ...(slowest !== undefined &&
      late.size === 0 && {
        slowestNode: slowest.node,
        afterMilliseconds: Math.round(slowest.afterMs),
        enforcedAt: new Date(slowest.at).toISOString(),
      }),
  };
  return { fields, conditions: [acceptedCondition(findings), enforcedOf(row)] };
}

function enforcedOf({ state, nodes, slowest, behind }: PolicyRow): WantedCondition {
  const condition = (status: 'True' | 'False', reason: string, message: string): WantedCondition => ({
    ...{ type: 'Enforced', status, reason, message },
  });
  if (state === 'Rejected') return condition('False', 'Rejected', 'it is refused, and in effect nowhere');
  if (state === 'Staged') return condition('False', 'Staged', 'a staged policy is asked and never enforced');
  const count = `enforced on ${nodes.done} of ${nodes.all} nodes`;
  if (behind.length === 0 && nodes.all > 0) {
    const last =
      slowest === undefined
        ? '; it selects no pod'
        : `; the slowest was ${slowest.node}, ${Math.round(slowest.afterMs)} ms after the first heard of it`;
    return condition('True', 'Enforced', count + last);
  }
  const some = behind.slice(0, MOST).map(({ node, why }) => `${node} ${why}`);
  const more = behind.length > MOST ? ` and ${behind.length - MOST} more` : '';
  return condition('False', 'Pending', `${count}: ${some.join(', ')}${more}`);
}

function holds(object: AnyObject, wanted: Wanted | undefined): boolean {
  if (wanted === undefined) return false;
  const status = (object['status'] ?? {}) as Status;
  const { conditions = [], ...fields } = status;
  const same = (key: keyof Wanted['fields']) => fields[key] === wanted.fields[key];
  const keys = new Set([...Object.keys(fields), ...Object.keys(wanted.fields)]) as Set<
    keyof Wanted['fields']
  >;
  return (
    [...keys].every(same) &&
    wanted.conditions.every(({ type, status, reason, message }) =>
      conditions.some(
        one => one.type === type && one.status === status && one.reason === reason && one.message === message,
      ),
    )
  );
}

/** Object names have no slash; a very long name is cut, and told apart by a digest. */
function nameOf(key: string): string {
  const name = key.replaceAll('/', '.');
  return name.length <= 253 ? name : `${name.slice(0, 240)}-${digest(key)}`;
}

/** FNV-1a: only names that would be too long have it. */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}
