import { createServer, type Server, type Socket } from 'node:net';
import type { CniFault } from './cni-fault.ts';
import { type CniRequest, readCniRequest } from './cni-request.ts';
import { MAX_REQUEST, readWireRequest, writeWireAnswer, writeWireFault } from './wire.ts';
import type { Result } from '@muslin/net';
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
  let version: string = versionIn(wire.input);
  const answer = async () => {
    const request = readCniRequest(wire.env, wire.input);
    if (request.ok) version = request.value.config.cniVersion;
    const done = request.ok ? await handle(request.value) : request;
    if (!done.ok) return writeWireFault(done.fault, version);
    return writeWireAnswer(0, done.value === undefined ? '' : `${JSON.stringify(done.value)}\n`);
  };
  return answer().catch((error: unknown) => {
    const { syscall, message } = error as NodeJS.ErrnoException;
    const fault: CniFault =
      // A full or broken disk is nobody's bug.
      syscall === undefined
        ? { code: 999, message: 'internal error of the Muslin agent; its log has the details' }
        : { code: 5, message: `the Muslin agent can't keep its state: ${message}` };
    if (syscall === undefined) log(`CNI ${wire.env.get('CNI_COMMAND')}: ${(error as Error).stack}`);
    return writeWireFault(fault, version);
  });
}

function versionIn(input: string): string {
  return /"cniVersion"\s*:\s*"([0-9.]{1,12})"/.exec(input)?.[1] ?? '1.1.0';
}
