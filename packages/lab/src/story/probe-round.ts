import { type Cell, cellKey } from '../matrix.ts';
import type { SandboxRecord } from '../pods/kubelet.ts';
import { declaredPorts, type LabPod } from '../pods/pod-action.ts';
import { probe, probeAll } from '../probe.ts';

/** A pod that takes part in the grid. */
export interface Participant {
  readonly key: string;
  readonly netns: string;
  readonly ips: readonly string[];
  readonly ports: readonly { readonly protocol: 'TCP' | 'UDP'; readonly port: number }[];
}

/** Joins Pod objects with what their kubelet wrote down. */
export function participants(
  pods: readonly LabPod[],
  sandboxes: readonly SandboxRecord[],
): readonly Participant[] {
  const byUid = new Map(sandboxes.map(record => [record.uid, record]));
  return pods
    .flatMap(pod => {
      const record = byUid.get(pod.metadata.uid);
      if (record === undefined || record.ips.length === 0) return [];
      const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
      return [{ key, netns: record.netns, ips: record.ips, ports: declaredPorts(pod) }];
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** A drop shows as silence: how long to listen before believing it. */
const SILENCE_MS = 300;

/**
 * Probes every port of every address of every pod from every other pod. A probe whose answer is not the expected one is repeated
 * with more patience, so that a busy machine is not taken for a dropped packet.
 */
export async function probeRound(
  people: readonly Participant[],
  expectOpen: (cell: Omit<Cell, 'outcome'>) => boolean,
): Promise<readonly Cell[]> {
  const jobs = people.flatMap(from =>
    people
      .filter(to => to !== from)
      .flatMap(to =>
        to.ips.flatMap(ip =>
          to.ports.map(({ port, protocol }) => ({ from, ip, cell: cellOf(from, to, ip, port, protocol) })),
        ),
      ),
  );
  const cells = new Map<string, Cell>();
  await probeAll(jobs, async ({ from, ip, cell }) => {
    const ask = (timeoutMs: number) => probe({ netns: from.netns, ip, ...cell }, timeoutMs);
    let seen = await ask(SILENCE_MS);
    if (seen.outcome !== 'open' && expectOpen(cell)) seen = await ask(SILENCE_MS * 5);
    cells.set(cellKey(cell), { ...cell, outcome: seen.outcome });
  });
  return jobs.map(({ cell }) => cells.get(cellKey(cell)) as Cell);
}

function cellOf(
  from: Participant,
  to: Participant,
  ip: string,
  port: number,
  protocol: 'TCP' | 'UDP',
): Omit<Cell, 'outcome'> {
  return { from: from.key, to: to.key, port, protocol, ...(ip.includes(':') && { family: 6 }) };
}
