import type { NodeState } from '@muslin/api';
import { type Subject, subjectKey, type Total } from '@muslin/dataplane';
import type { agentMetrics } from './metrics.ts';

/** What a node counted for one rule of a policy, for the end of a tier, or for rules that it can't tell apart. */
export interface PolicyCount {
  /** `Tier` at the end of one, `Several` where a look-up is too large to be counted by rule. */
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly rule: string;
  readonly direction: 'ingress' | 'egress';
  readonly action: string;
  readonly packets: number;
  readonly bytes: number;
}

/** Where counts come from, and where they go. */
export interface PolicyCountsOptions {
  /** Reads the kernel. */
  readonly read: (isThere: (subject: Subject) => boolean) => readonly Total[];
  /** What is enforced now. */
  readonly state: () => NodeState;
  readonly metrics: Pick<ReturnType<typeof agentMetrics>, 'rulePackets' | 'ruleBytes'>;
  readonly now: () => number;
}

/** Rules that get labels of their own; all later ones share one. */
const MOST = 2_000;
/** The kernel is read at most so often; ms. */
const APART_MS = 200;

type Labels = Readonly<Record<'policy' | 'rule' | 'direction' | 'action', string>>;

/** What is counted for each policy and rule, from the kernel's counters to Prometheus: bounded, and never less than before. */
export class PolicyCounts {
  readonly #options: PolicyCountsOptions;
  readonly #told = new Map<string, { readonly labels: Labels; packets: number; bytes: number }>();
  #readAt = Number.NEGATIVE_INFINITY;
  #rows: readonly PolicyCount[] = [];

  constructor(options: PolicyCountsOptions) {
    this.#options = options;
  }

  /** What was counted so far; the metrics say the same afterwards. */
  read(): readonly PolicyCount[] {
    const now = this.#options.now();
    if (now - this.#readAt < APART_MS) return this.#rows;
    this.#readAt = now;
    const { policies } = this.#options.state();
    const totals = this.#options.read(
      subject => subject.kind !== 'rule' || policies.get(subject.policy)?.staged === false,
    );
    const rows = totals.map(total => rowOf(total, policies));
    this.#tell(totals, rows);
    this.#rows = rows.toSorted((a, b) => (rowName(a) < rowName(b) ? -1 : 1));
    return this.#rows;
  }

  #tell(totals: readonly Total[], rows: readonly PolicyCount[]): void {
    const { rulePackets, ruleBytes } = this.#options.metrics;
    const there = new Set(totals.map(({ subject }) => subjectKey(subject)));
    for (const [key, { labels }] of this.#told) {
      if (there.has(key)) continue;
      this.#told.delete(key);
      if (labels.policy === OTHERS) continue;
      rulePackets.remove(labels);
      ruleBytes.remove(labels);
    }
    totals.forEach(({ subject, packets, bytes }, i) => {
      const key = subjectKey(subject);
      let told = this.#told.get(key);
      if (told === undefined) {
        const labels = labelsOf(rows[i] as PolicyCount, this.#told.size < MOST);
        this.#told.set(key, (told = { labels, packets: 0, bytes: 0 }));
      }
      rulePackets.inc(told.labels, packets - told.packets);
      ruleBytes.inc(told.labels, bytes - told.bytes);
      told.packets = packets;
      told.bytes = bytes;
    });
  }
}

const OTHERS = 'others';

function rowOf({ subject, packets, bytes }: Total, policies: NodeState['policies']): PolicyCount {
  const { direction } = subject;
  const counted = { direction, packets, bytes };
  switch (subject.kind) {
    case 'rule': {
      const { kind, namespace, name } = policies.get(subject.policy)?.source ?? {
        kind: 'Policy',
        name: subject.policy,
      };
      const who = namespace === undefined ? { kind, name } : { kind, namespace, name };
      return { ...who, rule: subject.path, action: subject.action, ...counted };
    }
    case 'end of tier':
      return { kind: 'Tier', name: subject.tier, rule: '', action: 'Deny', ...counted };
    case 'several':
      return { kind: 'Several', name: '', rule: '', action: 'Allow', ...counted };
    default:
      return subject satisfies never;
  }
}

const rowName = ({ kind, namespace = '', name, rule, direction }: PolicyCount) =>
  [namespace, kind, name, direction, rule].join(' ');

function labelsOf({ kind, namespace, name, rule, direction, action }: PolicyCount, own: boolean): Labels {
  if (!own) return { policy: OTHERS, rule: '', direction, action };
  const policy = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`.trim();
  return { policy, rule, direction, action };
}
