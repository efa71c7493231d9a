import { SOCKET } from '../bgp/options.ts';
import type { Verb } from '../verb.ts';

/** The table, or what sessions say, as MRT. */
export const bgpDump: Verb = {
  name: 'bgp dump',
  args: '',
  options: [
    SOCKET,
    { flags: '--updates', summary: 'what goes over the sessions from now on, until Ctrl-C, not the table' },
    { flags: '-w, --write <file>', summary: 'write to this file, not to standard output' },
    { flags: '--seconds <n>', summary: 'end --updates after this time' },
  ],
  summary: "write this node's routing table, or its BGP messages as they come, as an MRT file",
  details: `MRT (RFC 6396) is what bgpdump, bgpkit and Wireshark read. The table is TABLE_DUMP_V2: what each peer told, before
import filters, and as peer 0.0.0.0 what the node originates. Updates are BGP4MP_ET, both directions.
Exit code: 0 written, 1 nobody answered or the file can't be written, 2 bad usage.`,
  examples: ['muslinctl bgp dump -w table.mrt', 'muslinctl bgp dump --updates --seconds 60 -w updates.mrt'],
  async run(ctx, input) {
    const { dump } = await import('../bgp/dump.ts');
    return dump(ctx, input);
  },
};
