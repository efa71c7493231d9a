import { backOffMs } from './back-off.ts';
import type { Clock, Random } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import { isPassing } from './kube-fault.ts';
import { type Resource, resourceName } from './resource.ts';
import { RESOURCES } from './resources.ts';

/** What waiting takes. */
export interface DefinitionWaitOptions {
  readonly client: Pick<KubeClient, 'watch'>;
  readonly resource: Resource;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Shortest and longest watch of a definition, in seconds: where nothing is told, the kind is asked for this often. */
const WATCH_SECONDS = [300, 600] as const;
/** Waits of those who may not watch definitions. */
const UNTOLD = { baseMs: 60_000, capMs: 600_000 } as const;
/** Waits for a kind whose definition is there: the server begins to serve it a moment later, or has other versions of it. */
const DEFINED = { baseMs: 500, capMs: 300_000 } as const;
/** A watch that ends sooner than this was none. */
const SHORT_WATCH_MS = 1_000;

/**
 * Waits for a kind that the server does not serve: until its definition (apiextensions.k8s.io/v1) comes or changes, else for some
 * minutes. A thousand nodes that ask again and again for what is not installed would be a load of their own.
 */
export class DefinitionWait {
  readonly #options: DefinitionWaitOptions;
  /** Version of the definition that was seen last. */
  #seen: string | undefined;
  #tries = 0;

  constructor(options: DefinitionWaitOptions) {
    this.#options = options;
  }

  /** Resolves when it is time to ask for the kind again; never rejects. */
  async wait(): Promise<void> {
    const { client, resource, clock, random, signal } = this.#options;
    this.#tries++;
    const begun = clock.now();
    const [shortest, longest] = WATCH_SECONDS;
    const opened = await client.watch(
      RESOURCES.CustomResourceDefinition,
      {
        fieldSelector: `metadata.name=${resourceName(resource)}`,
        timeoutSeconds: Math.round(shortest + random() * (longest - shortest)),
      },
      { signal },
    );
    if (!opened.ok) {
      const shape = isPassing(opened.fault) ? undefined : UNTOLD;
      await clock.sleep(backOffMs(this.#tries, random(), shape), signal);
      return;
    }
    for await (const event of opened.value) {
      if (!event.ok || signal.aborted) break;
      if (event.value.type === 'BOOKMARK' || event.value.type === 'DELETED') continue;
      const { resourceVersion = '' } = event.value.object.metadata;
      if (resourceVersion === this.#seen)
        return clock.sleep(backOffMs(this.#tries, random(), DEFINED), signal);
      this.#seen = resourceVersion;
      this.#tries = 0;
      return;
    }
    if (clock.now() - begun < SHORT_WATCH_MS) await clock.sleep(backOffMs(this.#tries, random()), signal);
    else this.#tries = 0;
  }
}
