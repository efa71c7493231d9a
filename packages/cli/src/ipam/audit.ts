import { type CheckReport, check, type Leak, proveLeak, type Witnesses } from '@muslin/ipam';
import type { KubeClient } from '@muslin/kube';
import { ok, type Result } from '@muslin/net';
import { type Ledger, readWitnesses } from './ledger.ts';

/** A younger address is never called lost: its pod may not be reported yet (Calico's leakGracePeriod). */
const GRACE_MS = 15 * 60_000;

/** What a check found, and the words it rests on. */
export interface Audit {
  readonly report: CheckReport;
  readonly witnesses: Witnesses;
}

/**
 * Compares the ledger with what the API server says of pods and nodes, read after it. The silence of a node is no word
 * here: muslinctl hears no node at all.
 */
export async function audit(client: KubeClient, ledger: Ledger, now: number): Promise<Result<Audit, string>> {
  const words = await readWitnesses(client);
  if (!words.ok) return words;
  const witnesses: Witnesses = { ...words.value, now, graceMs: GRACE_MS };
  const report = check(ledger.stored, ledger.pools, witnesses);
  return ok({ report: { ...report, leaks: report.leaks.map(withoutSilence) }, witnesses });
}

/** Whether both words that make a proof are there: the pod is gone, and so is its node. */
export function isProven(leak: Leak): boolean {
  return proveLeak(leak) !== undefined;
}

/** What muslinctl cannot know, to stand below every report of leaks. */
export const HONESTY = `Proven means: the API server says that the pod and its node are both gone. No node was asked: muslinctl
cannot hear their kernels. On a node that is there, nothing is proven; the pod may still run.`;

function withoutSilence(leak: Leak): Leak {
  return { ...leak, evidence: leak.evidence.filter(({ says }) => says !== 'node-silent') };
}
