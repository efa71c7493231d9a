import type { Context } from '../context.ts';

const AGENT_SOCKET = '/run/muslin/agent.sock';

/** The socket of this node's agent: what the environment says, else the usual place. */
export function agentSocket(ctx: Pick<Context, 'env'>): string {
  return ctx.env['MUSLIN_AGENT_SOCKET'] || AGENT_SOCKET;
}
