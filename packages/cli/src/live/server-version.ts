import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { textAt } from '../files/json.ts';
import type { Input } from '../verb.ts';
import { connect } from './connect.ts';

/** What the API server calls its version (`/version` gitVersion). */
export async function serverVersion(ctx: Context, input: Input): Promise<Result<string, string>> {
  const client = await connect(ctx, input);
  if (!client.ok) return client;
  try {
    const answer = await client.value.raw({ method: 'GET', path: '/version' });
    if (!answer.ok) return fail(answer.fault.message);
    return ok(textAt(answer.value, 'gitVersion') ?? 'unknown');
  } finally {
    await client.value.close();
  }
}
