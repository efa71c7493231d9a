import { DRY_RUN, NAMESPACE, WRITE_CODES } from '../options.ts';
import type { Verb } from '../verb.ts';
import { isDry } from './file-verb.ts';

/** Changes fields of one object. */
export const patch: Verb = {
  name: 'patch',
  args: '<kind> <name>',
  options: [
    { flags: '-p, --patch <json>', summary: 'the patch', required: true },
    {
      flags: '-t, --type <type>',
      summary: 'kind of patch (default: strategic for core kinds such as nodes, else merge)',
      choices: ['strategic', 'json', 'merge'],
    },
    NAMESPACE,
    DRY_RUN,
  ],
  summary: 'change fields of one object',
  details: WRITE_CODES,
  examples: [`muslinctl patch ippool default -p '{"spec":{"disabled":true}}'`],
  async run(ctx, input) {
    const { patchObject } = await import('../live/change-objects.ts');
    return patchObject(ctx, input, isDry(input.text('dryRun')));
  },
};
