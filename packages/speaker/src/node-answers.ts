import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { type CalicoStatus, type NodeQuestion, readQuestion } from './core/calico-node-status.ts';

/** What answering takes. */
export interface NodeAnswersOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  readonly answer: (classes: NodeQuestion['classes']) => Promise<CalicoStatus>;
  readonly log: (line: string) => void;
  /** Milliseconds of a second of the period, for tests. */
  readonly secondMs?: number;
}

interface Open {
  readonly question: NodeQuestion;
  timer: NodeJS.Timeout | undefined;
}

const RETRY_SECONDS = 10;
const ABSENT = { agent: null, bgp: null, routes: null } as const;

/** Fills the status of the CalicoNodeStatus objects that ask about this node, each at its own pace. */
export class NodeAnswers {
  readonly #options: NodeAnswersOptions;
  readonly #open = new Map<string, Open>();

  constructor(options: NodeAnswersOptions) {
    this.#options = options;
  }

  /** Takes an object as it is, or forgets it. A changed question is answered at once. */
  set(object: AnyObject, gone: boolean): void {
    const name = object.metadata.name ?? '';
    const question = gone ? undefined : readQuestion(object, this.#options.node);
    const before = this.#open.get(name);
    // Our own write comes back as an event: the question is the same.
    if (JSON.stringify(before?.question) === JSON.stringify(question)) return;
    clearTimeout(before?.timer);
    this.#open.delete(name);
    if (question === undefined) return;
    const open: Open = { question, timer: undefined };
    this.#open.set(name, open);
    void this.#answer(name, open);
  }

  stop(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer);
    this.#open.clear();
  }

  async #answer(name: string, open: Open): Promise<void> {
    const { client, answer, log, secondMs = 1000 } = this.#options;
    const { classes, periodSeconds } = open.question;
    const status = await answer(classes);
    if (this.#open.get(name) !== open) return;
    const lastUpdated = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const body = { status: { ...ABSENT, ...status, lastUpdated } };
    const how = { subresource: 'status', fieldManager: 'muslin-speaker' } as const;
    const done = await client.patch(RESOURCES.CalicoNodeStatus, { name }, { type: 'merge', body }, how);
    if (this.#open.get(name) !== open) return;
    if (!done.ok) log(`CalicoNodeStatus ${name} can't be answered: ${done.fault.message}`);
    const next = done.ok ? periodSeconds : RETRY_SECONDS;
    if (next === 0) return;
    open.timer = setTimeout(() => void this.#answer(name, open), next * secondMs);
    open.timer.unref();
  }
}
