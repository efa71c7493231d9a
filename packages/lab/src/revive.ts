import type { Cluster } from './cluster.ts';

/** A program that lived shorter than this waits before its next start, longer each time, as the kubelet makes it. */
const SHORT_LIFE_MS = 10_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * Starts whatever ends again and says so, as a kubelet and an init system would: people kill things to see what happens.
 * Returns what ends this care.
 */
export function revive(cluster: Cluster, say: (line: string) => void): () => void {
  let over = false;
  const watch = (name: string, waitMs: number) => {
    const born = Date.now();
    void cluster.child(name).ended.then(async how => {
      if (over) return;
      const wait = Date.now() - born < SHORT_LIFE_MS ? Math.min(waitMs * 2 || 1_000, LONGEST_WAIT_MS) : 0;
      say(`${name} ended (${how}): it is started again${wait === 0 ? '' : ` in ${wait / 1_000} s`}\n`);
      await new Promise(resolve => setTimeout(resolve, wait).unref());
      if (over) return;
      try {
        await cluster.restart(name);
      } catch (error) {
        if (!over) say(`${(error as Error).message}\n`);
      }
      if (!over) watch(name, wait);
    });
  };
  for (const { name } of cluster.processes()) watch(name, 0);
  return () => {
    over = true;
  };
}
