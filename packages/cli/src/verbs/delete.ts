import { DRY_RUN, NAMESPACE, OBJECTS, RECURSIVE, SKIP_EMPTY, WRITE_CODES } from '../options.ts';
import type { Verb } from '../verb.ts';
import { isDry } from './file-verb.ts';

/** Deletes what files hold, or what is named. */
export const remove: Verb = {
  name: 'delete',
  args: '[kind] [names...]',
  options: [
    OBJECTS,
    RECURSIVE,
    NAMESPACE,
    { flags: '-s, --skip-not-exists', summary: 'what is not there is no error' },
    DRY_RUN,
    SKIP_EMPTY,
  ],
  summary: 'delete objects by file or by name',
  details: WRITE_CODES,
  examples: ['muslinctl delete -f pools.yaml', 'muslinctl delete bgppeer tor-1 tor-2'],
  async run(ctx, input) {
    const flags = { dryRun: isDry(input.text('dryRun')), tolerant: input.flag('skipNotExists') };
    if (input.list('files').length > 0 && input.args.length > 0)
      return ctx.fail(2, 'give either files or a kind and names, not both');
    if (input.args.length > 0)
      return (await import('../live/change-objects.ts')).deleteObjects(ctx, input, flags);
    return (await import('../live/write-files.ts')).writeFiles(ctx, input, 'delete', flags);
  },
};
