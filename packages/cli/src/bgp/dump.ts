import { closeSync, openSync, writeSync } from 'node:fs';
import type { Context } from '../context.ts';
import type { ExitCode, Input } from '../verb.ts';
import { localSocket, readSocket } from './speaker-socket.ts';

/** `bgp dump`: bytes of the speaker to a file or to standard output. */
export async function dump(ctx: Context, input: Input): Promise<ExitCode> {
  const updates = input.flag('updates');
  const seconds = Number(input.text('seconds') ?? Number.POSITIVE_INFINITY);
  if (!(seconds > 0)) return ctx.fail(2, '--seconds takes a number above 0');
  const end = new AbortController();
  const stop = () => end.abort();
  const timer = updates && Number.isFinite(seconds) ? setTimeout(stop, seconds * 1000) : undefined;
  if (updates) process.once('SIGINT', stop);
  const file = input.text('write');
  let fd: number;
  try {
    fd = file === undefined ? 1 : openSync(file, 'w');
  } catch (error) {
    return ctx.fail(1, `${file} can't be written: ${(error as Error).message}`);
  }
  try {
    const path = updates ? '/v1/updates' : '/v1/dump';
    const signal = updates ? end.signal : undefined;
    const done = await readSocket(localSocket(ctx, input), path, bytes => writeAll(fd, bytes), signal);
    return done.ok ? 0 : ctx.fail(1, done.fault.message);
  } catch (error) {
    return ctx.fail(1, `${file ?? 'standard output'} can't be written: ${(error as Error).message}`);
  } finally {
    clearTimeout(timer);
    process.removeListener('SIGINT', stop);
    if (file !== undefined) closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
