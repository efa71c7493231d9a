import { measureBigSet } from './big-set.ts';
import type { Emit } from './emit.ts';
import { measurePackets } from './packets.ts';
import { measureProgramming } from './programming.ts';
import { measureProof } from './proof.ts';

/** Everything that this room measures, on this machine, as root. Leaves nothing behind. */
export async function run(emit: Emit, { quick }: { readonly quick: boolean }): Promise<void> {
  measureProof(emit, quick);
  await measureProgramming(emit, quick);
  await measureBigSet(emit, quick);
  await measurePackets(emit, quick);
}
