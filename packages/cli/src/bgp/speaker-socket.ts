import { request } from 'node:http';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import type { Input } from '../verb.ts';

/** Where a node's speaker listens, unless it was started with another `--run-dir`. */
const SPEAKER_SOCKET = '/run/muslin/speaker.sock';
const PATIENCE_MS = 30_000;
const LARGEST_ANSWER = 512 << 20;

/** Why a socket gave no answer; `mistake`: it did, and said that the question was wrong. */
export interface SocketFault {
  readonly code: 'no-speaker' | 'not-allowed' | 'mistake' | 'broken';
  readonly message: string;
}

type Sink = (chunk: Uint8Array) => void;

/** The socket of this node's speaker: what was given, else what the environment says, else the usual place. */
export function localSocket(ctx: Pick<Context, 'env'>, input?: Input): string {
  return input?.text('socket') ?? (ctx.env['MUSLIN_SPEAKER_SOCKET'] || SPEAKER_SOCKET);
}

/** Asks a speaker on its unix socket (HTTP/1.1) and gives the whole answer as JSON. */
export async function askSocket(socket: string, path: string): Promise<Result<unknown, SocketFault>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const done = await readSocket(socket, path, chunk => {
    size += chunk.length;
    if (size <= LARGEST_ANSWER) chunks.push(chunk);
  });
  if (!done.ok) return done;
  try {
    return ok(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  } catch {
    return fail({ code: 'broken', message: `${socket} answered ${path} with something that is no JSON` });
  }
}

/** Hands the bytes of an answer on as they come; ends when the answer does, or when `signal` says so. */
export function readSocket(
  socket: string,
  path: string,
  sink: Sink,
  signal?: AbortSignal,
): Promise<Result<undefined, SocketFault>> {
  return new Promise(resolve => {
    const lost = (error: NodeJS.ErrnoException) =>
      resolve(signal?.aborted ? ok(undefined) : fail(faultOf(socket, error)));
    const call = request({ socketPath: socket, path, ...(signal && { signal }) }, response => {
      let words = '';
      response.on('error', lost);
      response.on('data', (chunk: Buffer) => {
        if (response.statusCode === 200) sink(chunk);
        else words += chunk.toString('utf8');
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(ok(undefined));
        else
          resolve(fail({ code: response.statusCode === 400 ? 'mistake' : 'broken', message: words.trim() }));
      });
    });
    // A stream of updates may well be silent for long.
    if (signal === undefined)
      call.setTimeout(PATIENCE_MS, () => call.destroy(new Error('no answer in 30 s')));
    call.on('error', lost);
    call.end();
  });
}

function faultOf(socket: string, error: NodeJS.ErrnoException): SocketFault {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
      return {
        code: 'no-speaker',
        message: `no speaker listens at ${socket}: run this on a node whose speaker runs, name its socket with --socket, or ask through the API with --node NAME`,
      };
    case 'EACCES':
    case 'EPERM':
      return { code: 'not-allowed', message: `${socket} is for root: run this with sudo` };
    default:
      return { code: 'broken', message: `${socket}: ${error.message}` };
  }
}
