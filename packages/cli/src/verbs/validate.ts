import { FILES_MANY, OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

/** What is wrong with manifests, before anybody applies them. */
export const validate: Verb = {
  name: 'validate',
  args: '',
  options: [
    {
      ...FILES_MANY,
      summary: 'folders and files of YAML or JSON objects, or - for standard input',
      required: true,
    },
    OUTPUT_DATA,
  ],
  summary: 'check policies, pools and other objects in files',
  details: `Prints one line for each finding: file:line: kind name: path, and what to write instead. An error means that the
API server would refuse the object, or that it, or that part of it, would not be in effect; a warning is worth a look.
Fields that the kind does not have are errors: they would be dropped.

Exit code: 0 no errors, 1 at least one error, 2 a file can't be read.`,
  examples: ['muslinctl validate -f deploy/', 'kustomize build . | muslinctl validate -f -'],
  async run(ctx, input) {
    const { validateFiles } = await import('../files/validate-files.ts');
    return validateFiles(ctx, input);
  },
};
