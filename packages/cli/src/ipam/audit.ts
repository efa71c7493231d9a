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

/** Compares the ledger with what the API server says of pods and nodes, and nodes of themselves, read after it. */
export async function audit(client: KubeClient, ledger: Ledger, now: number): Promise<Result<Audit, string>> {
  const words = await readWitnesses(client, now);
  if (!words.ok) return words;
  const witnesses: Witnesses = { ...words.value, now, graceMs: GRACE_MS };
  const report = check(ledger.stored, ledger.pools, witnesses);
  return ok({ report: { ...report, leaks: report.leaks.map(withoutSilence) }, witnesses });
}

/** Whether two words that make a proof are there, and no node has the address. */
export function isProven(leak: Leak): boolean {
  return proveLeak(leak) !== undefined;
}

/** What a proof is and what none is, to stand below every report of leaks. */
export const HONESTY = `Proven means that two agree: the API server, that the pod or its node is gone; and the node itself, in a report
of the last five minutes, that it does not have the address, or its Node is gone too. One word is no proof: the pod may still run.`;

/** Here a node that tells nothing is none that is silent: it may have an older agent. */
function withoutSilence(leak: Leak): Leak {
  return { ...leak, evidence: leak.evidence.filter(({ says }) => says !== 'node-silent') };
}
