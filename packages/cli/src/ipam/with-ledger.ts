import type { KubeClient } from '@muslin/kube';
import type { Context } from '../context.ts';
import { connect } from '../live/connect.ts';
import type { ExitCode, Input } from '../verb.ts';
import { type Ledger, readLedger } from './ledger.ts';

/** Connects, reads the ledger, and lets `then` answer; what cannot be read is told with exit code 1. */
export async function withLedger(
  ctx: Context,
  input: Input,
  then: (ledger: Ledger, client: KubeClient) => Promise<ExitCode>,
): Promise<ExitCode> {
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const ledger = await readLedger(client.value);
    return ledger.ok ? await then(ledger.value, client.value) : ctx.fail(1, ledger.fault);
  } finally {
    await client.value.close();
  }
}
