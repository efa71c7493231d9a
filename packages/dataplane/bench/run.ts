import { measureBigSet } from './big-set.ts';
import type { Emit } from './emit.ts';
import { measurePackets } from './packets.ts';
import { measureProgramming } from './programming.ts';
import { measureProof } from './proof.ts';

/** What this room measures, by the name that `--cases=` takes. */
const CASES: Readonly<Record<string, (emit: Emit, quick: boolean) => Promise<void> | void>> = {
  proof: measureProof,
  programming: measureProgramming,
  'big-set': measureBigSet,
  packets: measurePackets,
};

/** All cases or those that are named, on this machine, as root. Leaves nothing behind. */
export async function run(
  emit: Emit,
  { quick, cases }: { readonly quick: boolean; readonly cases?: readonly string[] },
): Promise<void> {
  for (const [name, measure] of Object.entries(CASES))
    if (cases?.includes(name) ?? true) await measure(emit, quick);
}
