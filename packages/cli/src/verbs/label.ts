import { NAMESPACE, WRITE_CODES } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Sets or removes labels of one object. */
export const label: Verb = {
  name: 'label',
  args: '<kind> <name> <labels...>',
  options: [
    { flags: '--overwrite', summary: 'change the value of a label that is there' },
    { flags: '--remove', summary: 'remove these labels (or write key-)' },
    NAMESPACE,
  ],
  summary: 'set or remove labels of one object',
  details: WRITE_CODES,
  examples: ['muslinctl label node n1 rack=r7', 'muslinctl label node n1 rack-'],
  async run(ctx, input) {
    const { labelObjects } = await import('../live/label-objects.ts');
    return labelObjects(ctx, input);
  },
};
