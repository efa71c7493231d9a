import { DRY_RUN, NAMESPACE, OBJECTS, RECURSIVE, SKIP_EMPTY, WRITE_CODES } from '../options.ts';
import type { Verb, VerbOption } from '../verb.ts';

/** Whether `--dry-run` asks for nothing to change. */
export const isDry = (where: string | undefined): boolean => where !== undefined && where !== 'none';

/** A verb that does one thing to every object of some files. */
export function fileVerb(
  name: 'create' | 'apply' | 'replace',
  summary: string,
  options: readonly VerbOption[] = [],
): Verb {
  return {
    name,
    args: '',
    options: [{ ...OBJECTS, required: true }, RECURSIVE, NAMESPACE, ...options, DRY_RUN, SKIP_EMPTY],
    summary,
    details: WRITE_CODES,
    examples: [`muslinctl ${name} -f pools.yaml`, `kustomize build . | muslinctl ${name} -f -`],
    async run(ctx, input) {
      const { writeFiles } = await import('../live/write-files.ts');
      return writeFiles(ctx, input, name, {
        dryRun: isDry(input.text('dryRun')),
        here: input.text('dryRun') === 'client',
        tolerant: input.flag('skipExists'),
      });
    },
  };
}
