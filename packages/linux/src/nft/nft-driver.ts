import {
  type Driver,
  type DriverFault,
  NFT_TABLE,
  type NftListing,
  type Op,
  parseNftList,
} from '@muslin/dataplane';
import { type Family, fail, ok, type Result } from '@muslin/net';
import { runCommand } from '../command.ts';
import { driverFault } from '../driver-fault.ts';
import type { Namespace } from '../netns/namespace.ts';

export type NftStep = Op & { readonly kind: 'nft' };

/** Our nftables table of one family in one network namespace. */
export interface NftDriver extends Driver<NftListing | undefined, NftStep> {
  readonly family: Family;
  /** The table as it is; undefined when there is none, or none that we can read. */
  read(): Promise<Result<NftListing | undefined, DriverFault>>;
  close(): void;
}

/** A driver that starts one `nft` process for each read and each step; a step is one transaction. */
export function nftDriver(options: {
  readonly family: Family;
  readonly namespace?: Namespace | undefined;
  /** How long one process may take; default 30 s. */
  readonly timeoutMs?: number;
}): NftDriver {
  const { family, namespace, timeoutMs = 30_000 } = options;
  const table = [family === 4 ? 'ip' : 'ip6', NFT_TABLE];
  return {
    family,
    async read() {
      const listed = await runCommand('nft', ['-j', 'list', 'table', ...table], { namespace, timeoutMs });
      if (listed.ok) return ok(parseNftList(listed.value));
      const { fault } = listed;
      return fault.code === 'refused' && NO_TABLE.test(fault.message)
        ? ok(undefined)
        : fail(driverFault(fault));
    },
    async apply(steps) {
      for (const step of steps) {
        const ran = await runCommand('nft', ['-f', '-'], { input: step.input, namespace, timeoutMs });
        if (ran.ok) continue;
        const stderr = 'stderr' in ran.fault ? ran.fault.stderr : '';
        const message = ran.fault.code === 'refused' ? nftComplaint(step.input, stderr) : ran.fault.message;
        return fail(driverFault({ code: ran.fault.code, message }, step));
      }
      return ok(undefined);
    },
    close: () => {},
  };
}

const NO_TABLE = /No such file or directory/;

/** The first complaint of `nft -f -`, with the line of the input that it is about: `/dev/stdin:3:1-9: Error: why`. */
export function nftComplaint(input: string, stderr: string): string {
  const [, digits, why] = /^[^\n:]*:(\d+):[\d-]+: Error: (.*)$/m.exec(stderr) ?? [];
  if (digits === undefined || why === undefined) return stderr.trim() || 'nft failed silently';
  const line = input.split('\n')[Number(digits) - 1] ?? '';
  return `nft: ${why} (line ${digits}: ${line.length > 200 ? `${line.slice(0, 200)}…` : line})`;
}
