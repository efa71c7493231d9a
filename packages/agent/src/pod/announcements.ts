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
/** A plugin that is answered is often followed by the next one, which takes some milliseconds to start. */
const CALM_MS = 25;
const LOOK_MS = 5;

/**
 * Tells the cluster the addresses of pods that got theirs: other nodes' policies wait for that. A container that waits goes
 * first, but none of this waits for long.
 */
export class Announcements {
  readonly #options: AnnouncementsOptions;
  readonly #due: { readonly sandbox: Sandbox; readonly since: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #busyAt = 0;

  constructor(options: AnnouncementsOptions) {
    this.#options = options;
  }

  add(sandbox: Sandbox): void {
    this.#busyAt = performance.now();
    this.#due.push({ sandbox, since: this.#busyAt });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  /** What was not told yet is told by the kubelet, which asks containers for their addresses. */
  stop(): void {
    clearInterval(this.#timer);
    this.#due.length = 0;
  }

  #look(): void {
    const { isBusy, isThere, longestMs = LONGEST_MS } = this.#options;
    const now = performance.now();
    if (isBusy()) this.#busyAt = now;
    const isLate = now - (this.#due[0]?.since ?? now) >= longestMs;
    if (now - this.#busyAt < CALM_MS && !isLate) return;
    // All that are due: whoever comes meanwhile is held up once.
    for (const { sandbox } of this.#due.splice(0))
      if (isThere(sandbox)) void publishAddresses(sandbox, this.#options);
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
