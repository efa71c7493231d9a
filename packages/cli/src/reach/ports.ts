import { fail, ok, type Result } from '@muslin/net';
import type { Dialled } from '@muslin/policy';
import { hasPorts, protocolName, protocolNumber } from '../flow/protocol.ts';

/** Reads the values of `--port`: `443`, `53/udp`. */
export function parsePorts(texts: readonly string[]): Result<readonly Dialled[], string> {
  const ports: Dialled[] = [];
  for (const text of texts) {
    const parts = /^(\d{1,5})(?:\/([A-Za-z0-9]+))?$/.exec(text);
    const protocol = protocolNumber(parts?.[2] ?? 'TCP');
    const port = Number(parts?.[1]);
    if (protocol === undefined || !hasPorts(protocol) || !(port >= 1 && port <= 65535))
      return fail(`--port ${text}: write a number from 1 to 65535, with /udp or /sctp if it is not TCP`);
    ports.push({ protocol, port });
  }
  return ok(ports);
}

/** `5432/TCP`. */
export function formatDialled({ port, protocol }: Dialled): string {
  return `${port}/${protocolName(protocol)}`;
}
