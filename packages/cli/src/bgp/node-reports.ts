import type { AnyObject } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { isRecord, textAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import type { Input } from '../verb.ts';
import { BGP_NODE_STATUS, type NodeReport } from './node-status.ts';
import { askSocket, localSocket } from './speaker-socket.ts';
import { faultText } from '../live/fault-text.ts';

/** The socket that was asked for; undefined: ask the API. */
export function socketOf(ctx: Pick<Context, 'env'>, input: Input): string | undefined {
  return input.text('socket') ?? (input.flag('socket') ? localSocket(ctx) : undefined);
}

/** What nodes say of themselves: this one on its socket, or all through the API. */
export async function nodeReports(
  ctx: Pick<Context, 'env'>,
  input: Input,
): Promise<Result<readonly NodeReport[], string>> {
  const socket = socketOf(ctx, input);
  if (socket !== undefined) return reportOfSocket(socket);
  const client = await connect(ctx, input);
  if (!client.ok) return client;
  try {
    const answer = await client.value.listAll<AnyObject>(BGP_NODE_STATUS);
    if (answer.ok) return ok(answer.value.items);
    return fail(
      answer.fault.code === 'NotFound'
        ? `${client.value.connection.server} does not serve bgpnodestatuses.muslin.dev: are Muslin's CRDs installed?`
        : faultText(answer.fault),
    );
  } finally {
    await client.value.close();
  }
}

/** What the speaker of this node says. */
export async function reportOfSocket(socket: string): Promise<Result<readonly NodeReport[], string>> {
  const answer = await askSocket(socket, '/v1/status');
  if (!answer.ok) return fail(answer.fault.message);
  if (!isRecord(answer.value)) return fail(`${socket} is no speaker's socket`);
  const name = textAt(answer.value, 'node') ?? 'this node';
  return ok([{ metadata: { name }, status: answer.value } as NodeReport]);
}
