import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import type { Again } from './work-queue.ts';

/** Whoever asks takes a few seconds. */
const KEPT_MS = 120_000;
const LOOK_MS = 60_000;

/** Removes BGPQuestions that nobody removed: whoever asked died, or forgot. */
export class LeftQuestions {
  readonly #client: KubeClient;
  readonly #log: (line: string) => void;
  readonly #now: () => number;
  /** Since when each is seen as it is, by UID and version: no clock of another machine counts. */
  #seen: ReadonlyMap<string, number> = new Map();

  constructor(options: {
    readonly client: KubeClient;
    readonly log: (line: string) => void;
    readonly now: () => number;
  }) {
    this.#client = options.client;
    this.#log = options.log;
    this.#now = options.now;
  }

  async reconcile(): Promise<string | Again> {
    const list = await this.#client.listAll<AnyObject>(RESOURCES.BGPQuestion);
    if (!list.ok) return list.fault.code === 'NotFound' ? { againMs: LOOK_MS } : list.fault.message;
    const seen = new Map<string, number>();
    for (const { metadata } of list.value.items) {
      const { name = '', uid, resourceVersion } = metadata;
      const key = `${uid} ${resourceVersion}`;
      const since = this.#seen.get(key) ?? this.#now();
      seen.set(key, since);
      if (this.#now() - since < KEPT_MS) continue;
      const about = resourceVersion === undefined ? {} : { resourceVersion };
      const gone = await this.#client.delete(RESOURCES.BGPQuestion, { name }, about);
      if (gone.ok) this.#log(`BGPQuestion ${name} removed: nobody did who asked`);
    }
    this.#seen = seen;
    return { againMs: LOOK_MS };
  }
}
