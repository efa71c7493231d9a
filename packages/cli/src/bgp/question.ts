import { fail, formatIp, ok, parseIp, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import type { Input } from '../verb.ts';
import { askSocket, localSocket } from './speaker-socket.ts';

/** What a speaker is asked: the spec of a BGPQuestion (muslin.dev/v1alpha1). */
export type Question =
  | { readonly about: 'Routes' }
  | { readonly about: 'Peer' | 'Received' | 'Advertised'; readonly peer: string }
  | { readonly about: 'Explain'; readonly prefix: string };

/** What it said. */
export interface Answer {
  readonly value: unknown;
  /** The list goes on after this prefix, and was too long. */
  readonly cutAfter?: string;
}

/** Why there is no answer. `mistake`: the question was wrong; `elsewhere`: no speaker of ours answers there. */
export interface AskFault {
  readonly code: 'mistake' | 'elsewhere' | 'broken';
  readonly message: string;
}

/** Asks the speaker of this node on its socket, or with `--node` that of another through the API. */
export async function askSpeaker(
  ctx: Pick<Context, 'env'>,
  input: Input,
  question: Question,
): Promise<Result<Answer, AskFault>> {
  const node = input.text('node');
  if (node === undefined) {
    const answer = await askSocket(localSocket(ctx, input), pathOf(question));
    if (answer.ok) return ok({ value: answer.value });
    const code = answer.fault.code === 'mistake' ? 'mistake' : 'broken';
    return fail({ code, message: answer.fault.message });
  }
  const { askQuestion } = await import('./ask-question.ts');
  const answer = await askQuestion(ctx, input, node, question);
  if (answer.ok) return answer;
  const { code, message } = answer.fault;
  return fail({ code: code === 'no-answer' || code === 'not-served' ? 'elsewhere' : code, message });
}

function pathOf(question: Question): string {
  switch (question.about) {
    case 'Routes':
      return '/v1/routes';
    case 'Explain':
      return `/v1/explain?prefix=${encodeURIComponent(question.prefix)}`;
    case 'Peer':
    case 'Received':
    case 'Advertised':
      return `/v1/${question.about.toLowerCase()}?peer=${encodeURIComponent(question.peer)}`;
  }
}

/** A peer as people name it: an address, with its interface when it is link-local (fe80::1%eth0). */
export function parsePeer(text: string): Result<string, string> {
  const [, address = '', zone = ''] = /^([^%]*)(%[^/%\s]{1,15})?$/.exec(text) ?? [];
  const ip = parseIp(address);
  return ip.ok ? ok(`${formatIp(ip.value)}${zone}`) : fail(ip.fault.message);
}
