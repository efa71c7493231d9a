import type { EndpointPlan, NodeState, policyNodeStatus, StatusOf } from '@muslin/api';
import type { KubeClient, Resource } from '@muslin/kube';
import type { InForce } from './enforced-since.ts';
import { OwnStatus } from './own-status.ts';
import { TurnTimer } from './turn-timer.ts';

const RESOURCE: Resource = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  plural: 'policynodestatuses',
  kind: 'PolicyNodeStatus',
  namespaced: false,
};

type Status = NonNullable<StatusOf<typeof policyNodeStatus>>;

/** What the kernel was found to hold. */
export interface ReadBack {
  readonly inForce: InForce;
  readonly state: NodeState;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What telling takes. */
export interface PolicyReporterOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  /** Reads the kernel back; a text is why it does not hold what it should. */
  readonly readBack: () => Promise<ReadBack | string>;
  readonly log: (line: string) => void;
  /** Shortest time between two writes. Default 1000. */
  readonly everyMs?: number;
  /** Pause after a write that failed. Default 2000. */
  readonly retryMs?: number;
  /** An unchanged status is told again after this, so that an old `lastUpdated` means a dead agent. Default 5 min. */
  readonly refreshMs?: number;
}

/** Writes what this node enforces to its PolicyNodeStatus: on change, once a second at most, never before it was read back. */
export class PolicyReporter {
  readonly #options: PolicyReporterOptions;
  readonly #timer = new TurnTimer(() => this.#turn());
  readonly #own: OwnStatus;
  #poked = false;
  #told = '';
  #toldAt = Number.NEGATIVE_INFINITY;
  #last: Status = {};

  constructor(options: PolicyReporterOptions) {
    this.#options = options;
    this.#own = new OwnStatus({ ...options, resource: RESOURCE });
  }

  /** Something may have changed. */
  poke(): void {
    this.#poked = true;
    const { everyMs = 1000 } = this.#options;
    this.#timer.wait(Math.max(0, this.#toldAt + everyMs - performance.now()));
  }

  stop(): void {
    this.#timer.stop();
  }

  async #turn(): Promise<number> {
    const { everyMs = 1000, retryMs = 2000, refreshMs = 300_000, log, readBack } = this.#options;
    this.#poked = false;
    const found = await readBack();
    const before = this.#last;
    const status = typeof found === 'string' ? withoutProof(before, found) : enforcedStatus(found, before);
    const text = JSON.stringify({ ...status, readBackAt: undefined });
    const due = text !== this.#told || performance.now() - this.#toldAt >= refreshMs;
    const fault = due ? await this.#own.write({ ...status, lastUpdated: timeOf(Date.now()) }) : undefined;
    if (due && fault === undefined) {
      this.#last = status;
      this.#told = text;
      this.#toldAt = performance.now();
    }
    if (fault !== undefined) log(`what is enforced here can't be told: ${fault}`);
    if (fault !== undefined || typeof found === 'string') return retryMs;
    return this.#poked ? everyMs : refreshMs;
  }
}

const timeOf = (ms: number) => new Date(ms).toISOString();

/** The status of a node whose kernel was read and lacks nothing. */
export function enforcedStatus({ inForce, state, at }: ReadBack, before: Status): Status {
  const selected = new Map<string, number>();
  for (const plan of state.endpoints.values())
    for (const key of policiesOf(plan)) selected.set(key, (selected.get(key) ?? 0) + 1);
  return {
    policies: [...selected].toSorted().flatMap(([policy, pods]) => {
      const entry = inForce.policies.get(policy);
      if (entry === undefined) return [];
      const { uid, resourceVersion, generation } = entry;
      return [
        {
          policy,
          ...(uid !== '' && { uid }),
          ...(generation !== undefined && { generation }),
          resourceVersion,
          seenAt: timeOf(entry.seenAt),
          enforcedAt: timeOf(entry.enforcedAt),
          pods,
        },
      ];
    }),
    appliedThrough: [...inForce.through]
      .filter(([kind]) => kind.endsWith('Policy'))
      .toSorted()
      .map(([kind, resourceVersion]) => ({ kind, resourceVersion })),
    pods: [...state.endpoints.values()]
      .map(({ namespace, name }) => `${namespace}/${name}`)
      .toSorted()
      .slice(0, 1024),
    readBackAt: timeOf(at),
    conditions: [conditionOf(before, 'True', 'ReadBack', 'The kernel holds all that it should')],
  };
}

/** The status of a node that can't show that its kernel holds what it should: what it said before, and why. */
function withoutProof(before: Status, why: string): Status {
  return { ...before, conditions: [conditionOf(before, 'False', 'NotInForce', why.slice(0, 1024))] };
}

function conditionOf({ conditions = [] }: Status, status: 'True' | 'False', reason: string, message: string) {
  const earlier = conditions.find(condition => condition.type === 'Enforced' && condition.status === status);
  const lastTransitionTime = earlier?.lastTransitionTime ?? timeOf(Date.now()).replace(/\.\d+Z$/, 'Z');
  return { type: 'Enforced', status, reason, message, lastTransitionTime };
}

function policiesOf({ tiers }: EndpointPlan): ReadonlySet<string> {
  return new Set([...tiers.ingress, ...tiers.egress].flatMap(tier => tier.policies));
}
