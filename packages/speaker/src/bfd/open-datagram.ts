import { type SystemFault, systemCalls } from '@muslin/linux';
import { fail, ok, type Result } from '@muslin/net';
import { getSystemErrorMap } from 'node:util';
import { SOCK } from './datagram.ts';

/** Makes a UDP socket and runs the steps on it; closes it again when one fails (a negated errno). */
export function openDatagram(
  domain: number,
  flags: number,
  about: string,
  steps: readonly ((fd: number) => number)[],
): Result<number, SystemFault> {
  const calls = systemCalls();
  const fd = calls.socket(domain, SOCK.datagram | SOCK.closeOnExec | flags, 0);
  if (fd < 0) return fail(faultOf(fd, about));
  for (const step of steps) {
    const result = step(fd);
    if (result >= 0) continue;
    calls.close(fd);
    return fail(faultOf(result, about));
  }
  return ok(fd);
}

function faultOf(result: number, about: string): SystemFault {
  const [code, words] = getSystemErrorMap().get(result) ?? [`E${-result}`, 'unknown error'];
  return { code, errno: -result, call: 'socket', message: `${about}: ${words} (${code})` };
}
