import { createServer, type Server, type Socket } from 'node:net';
import type { CniFault } from './cni-fault.ts';
import { type CniRequest, readCniRequest } from './cni-request.ts';
import { MAX_REQUEST, readWireRequest, writeWireAnswer, writeWireFault } from './wire.ts';
import { fail, type Result } from '@muslin/net';
import { listenPrivately } from '@muslin/linux';

/** Serves one request; the value is printed as JSON, undefined prints nothing. */
export type CniHandler = (request: CniRequest) => Promise<Result<object | undefined, CniFault>>;

const SLOW_CLIENT_MS = 10_000;

/** Listens for the executable on a unix socket that only root may open. */
export function serveCni(path: string, handle: CniHandler, log: (line: string) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    readAll(socket)
      .then(async bytes => {
        socket.end(await answerTo(bytes, handle, log));
      })
      .catch(error => {
        log(`CNI socket: ${(error as Error).message}`);
        socket.destroy();
      });
  });
  return listenPrivately(server, path);
}

function readAll(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    socket.setTimeout(SLOW_CLIENT_MS, () => reject(new Error('the client sent half a request')));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_REQUEST) reject(new Error('the request is too long'));
      else chunks.push(chunk);
    });
    socket.on('end', () => {
      socket.setTimeout(0);
      resolve(Buffer.concat(chunks));
    });
  });
}

/** The answer to a whole request. Never throws: a bug becomes an internal fault, so that the kubelet retries. */
export async function answerTo(
  bytes: Buffer,
  handle: CniHandler,
  log: (line: string) => void,
): Promise<Buffer> {
  const wire = readWireRequest(bytes);
  if (wire === undefined)
    return writeWireFault({ code: 6, message: 'the request of the CNI executable is malformed' }, '1.1.0');
  const request = readCniRequest(wire.env, wire.input);
  if (!request.ok) return writeWireFault(request.fault, versionIn(wire.input));
  const { config, command } = request.value;
  const done = await handle(request.value).catch((error: unknown): Result<object | undefined, CniFault> => {
    const { syscall, message } = error as NodeJS.ErrnoException;
    // A full or broken disk is nobody's bug.
    if (syscall !== undefined)
      return fail({ code: 5, message: `the Muslin agent can't keep its state: ${message}` });
    log(`CNI ${command}: ${(error as Error).stack}`);
    return fail({ code: 999, message: 'internal error of the Muslin agent; its log has the details' });
  });
  if (!done.ok) return writeWireFault(done.fault, config.cniVersion);
  return writeWireAnswer(0, done.value === undefined ? '' : `${JSON.stringify(done.value)}\n`);
}

function versionIn(input: string): string {
  return /"cniVersion"\s*:\s*"([0-9.]{1,12})"/.exec(input)?.[1] ?? '1.1.0';
}
