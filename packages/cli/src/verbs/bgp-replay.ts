import { OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Does what a journal of a speaker says again. */
export const bgpReplay: Verb = {
  name: 'bgp replay',
  args: '<paths...>',
  options: [
    { flags: '--show', summary: 'a line for each call: what came in, and what the speaker did' },
    OUTPUT_DATA,
  ],
  summary: "do again what a speaker's journal says, and compare what comes of it octet for octet",
  details: `A speaker writes a journal when it is started with --journal DIR. Paths are such folders, or files in their order.
Exit code: 0 all is the same, 1 a call has another outcome here (another version, or a bug), 2 bad usage or no journal.`,
  examples: ['muslinctl bgp replay /var/lib/muslin/journal', 'muslinctl bgp replay --show incident.journal'],
  async run(ctx, input) {
    const { replay } = await import('../bgp/replay.ts');
    return replay(ctx, input);
  },
};
