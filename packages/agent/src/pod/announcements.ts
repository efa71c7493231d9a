import type { KubeClient } from '@muslin/kube';
import { publishAddresses } from './pod-object.ts';
import type { Sandbox } from './sandbox-store.ts';

/** What announcing takes. */
export interface AnnouncementsOptions {
  readonly client: KubeClient;
  /** Whether a container waits for an answer. */
  readonly isBusy: () => boolean;
  /** Whether the pod has this sandbox still. */
  readonly isThere: (sandbox: Sandbox) => boolean;
  readonly log: (line: string) => void;
  /** Longest wait for a moment in which nobody waits; ms. */
  readonly longestMs?: number;
}

const LONGEST_MS = 100;
/** A plugin that is answered is often followed by the next one. */
const LOOK_MS = 4;

/**
 * Tells the cluster the addresses of pods that got theirs: other nodes' policies wait for that. A container that waits goes
 * first, but none of this waits for long.
 */
export class Announcements {
  readonly #options: AnnouncementsOptions;
  readonly #due: { readonly sandbox: Sandbox; readonly since: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AnnouncementsOptions) {
    this.#options = options;
  }

  add(sandbox: Sandbox): void {
    this.#due.push({ sandbox, since: performance.now() });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  /** What was not told yet is told by the kubelet, which asks containers for their addresses. */
  stop(): void {
    clearInterval(this.#timer);
    this.#due.length = 0;
  }

  #look(): void {
    const { isBusy, isThere, longestMs = LONGEST_MS } = this.#options;
    for (let next = this.#due[0]; next !== undefined; next = this.#due[0]) {
      if (isBusy() && performance.now() - next.since < longestMs) return;
      this.#due.shift();
      if (isThere(next.sandbox)) void publishAddresses(next.sandbox, this.#options);
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
