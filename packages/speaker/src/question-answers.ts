import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { answerOf, pageOf, type QuestionSpec } from './core/question.ts';
import type { Pages } from './status-socket.ts';

/** What answering takes. */
export interface QuestionAnswersOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  readonly pages: Pages;
  readonly log: (line: string) => void;
}

/**
 * Answers the BGPQuestion that bears this node's name: each form of it once, one at a time. There is one such object at most, so
 * nobody can make the node do more than that.
 */
export class QuestionAnswers {
  readonly #options: QuestionAnswersOptions;
  #open: AnyObject | undefined;
  #answered = '';
  #working = false;

  constructor(options: QuestionAnswersOptions) {
    this.#options = options;
  }

  /** Takes the object as it is, or forgets it. */
  set(object: AnyObject, gone: boolean): void {
    if (object.metadata.name !== this.#options.node) return;
    this.#open = gone ? undefined : object;
    void this.#work();
  }

  stop(): void {
    this.#open = undefined;
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#answer(next);
    this.#working = false;
  }

  /** The question, unless this form of it was answered. */
  #next(): AnyObject | undefined {
    const open = this.#open;
    if (open === undefined || keyOf(open) === this.#answered) return undefined;
    this.#answered = keyOf(open);
    const { observedGeneration } = (open['status'] ?? {}) as { readonly observedGeneration?: number };
    return observedGeneration === open.metadata.generation ? undefined : open;
  }

  async #answer(question: AnyObject): Promise<void> {
    const { client, node, pages, log } = this.#options;
    const { path, query } = pageOf(question['spec'] as QuestionSpec);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    const said = await page?.(query);
    const status = {
      ...{ answer: null, more: null, mistake: null },
      ...(said === undefined ? { mistake: 'this speaker does not know what is asked' } : answerOf(said)),
      observedGeneration: question.metadata.generation ?? 0,
      answeredAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    };
    const { uid } = question.metadata;
    const body = { metadata: { uid }, status };
    const how = { subresource: 'status', fieldManager: 'muslin-speaker' } as const;
    const done = await client.patch(RESOURCES.BGPQuestion, { name: node }, { type: 'merge', body }, how);
    // Whoever asked may have gone, or asked something else.
    if (!done.ok && done.fault.code !== 'NotFound' && done.fault.code !== 'Conflict')
      log(`BGPQuestion ${node} can't be answered: ${done.fault.message}`);
  }
}

function keyOf({ metadata }: AnyObject): string {
  return `${metadata.uid} ${metadata.generation}`;
}
