import { LOCAL } from '../bgp/options.ts';
import { OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

/** What is wrong with BGP, whose fault it is and what to do. */
export const bgpDoctor: Verb = {
  name: 'bgp doctor',
  args: '[nodes...]',
  options: [OUTPUT_DATA, LOCAL],
  summary: 'say in a sentence what is wrong with each session, whose fault it is and what to do',
  details: `Looks at sessions, at configuration that is not in effect, at nodes that report nothing, and at router IDs that two
nodes share. Exit code: 0 nothing is broken, 1 something is or nobody answered, 2 bad usage.`,
  examples: ['muslinctl bgp doctor', 'muslinctl bgp doctor node-1 -o json', 'muslinctl bgp doctor --socket'],
  async run(ctx, input) {
    const { showDoctor } = await import('../bgp/show-doctor.ts');
    return showDoctor(ctx, input);
  },
};
