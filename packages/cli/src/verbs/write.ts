import { FILES_MANY, NAMESPACE } from '../options.ts';
import type { Input, Verb, VerbOption } from '../verb.ts';

const OBJECTS: VerbOption = {
  ...FILES_MANY,
  summary: 'folders and files of YAML or JSON objects, or - for standard input',
};
const DRY_RUN: VerbOption = { flags: '--dry-run', summary: 'let the server check it, and change nothing' };
const SKIP_EMPTY: VerbOption = { flags: '--skip-empty', summary: 'no objects in the files is no error' };
const CODES = 'Exit code: 0 all done, 1 the server refused something, 2 bad usage or input.';

const flagsOf = (input: Input, tolerant: string) => ({
  dryRun: input.flag('dryRun'),
  tolerant: input.flag(tolerant),
});

function fileVerb(
  name: 'create' | 'apply' | 'replace',
  summary: string,
  options: readonly VerbOption[] = [],
): Verb {
  return {
    name,
    args: '',
    options: [{ ...OBJECTS, required: true }, NAMESPACE, ...options, DRY_RUN, SKIP_EMPTY],
    summary,
    details: CODES,
    examples: [`muslinctl ${name} -f pools.yaml`, `kustomize build . | muslinctl ${name} -f -`],
    async run(ctx, input) {
      const { writeFiles } = await import('../live/write-files.ts');
      return writeFiles(ctx, input, name, flagsOf(input, 'skipExists'));
    },
  };
}

export const create = fileVerb('create', 'create the objects in files', [
  { flags: '--skip-exists', summary: 'leave what is there already' },
]);
export const apply = fileVerb('apply', 'create or update the objects in files (server-side apply)');
export const replace = fileVerb('replace', 'replace objects by those in files');

/** Deletes what files hold, or what is named. */
export const remove: Verb = {
  name: 'delete',
  args: '[kind] [names...]',
  options: [
    OBJECTS,
    NAMESPACE,
    { flags: '-s, --skip-not-exists', summary: 'what is not there is no error' },
    DRY_RUN,
    SKIP_EMPTY,
  ],
  summary: 'delete objects by file or by name',
  details: CODES,
  examples: ['muslinctl delete -f pools.yaml', 'muslinctl delete bgppeer tor-1 tor-2'],
  async run(ctx, input) {
    const flags = flagsOf(input, 'skipNotExists');
    if (input.list('files').length > 0 && input.args.length > 0)
      return ctx.fail(2, 'give either files or a kind and names, not both');
    if (input.args.length > 0)
      return (await import('../live/change-objects.ts')).deleteObjects(ctx, input, flags.dryRun);
    return (await import('../live/write-files.ts')).writeFiles(ctx, input, 'delete', flags);
  },
};

export const patch: Verb = {
  name: 'patch',
  args: '<kind> <name>',
  options: [
    { flags: '-p, --patch <json>', summary: 'the patch', required: true },
    {
      flags: '-t, --type <type>',
      summary: 'kind of patch (default: merge for custom resources, else strategic)',
      choices: ['strategic', 'json', 'merge'],
    },
    NAMESPACE,
    DRY_RUN,
  ],
  summary: 'change fields of one object',
  details: CODES,
  examples: [`muslinctl patch ippool default -p '{"spec":{"disabled":true}}'`],
  async run(ctx, input) {
    const { patchObject } = await import('../live/change-objects.ts');
    return patchObject(ctx, input, input.flag('dryRun'));
  },
};

export const label: Verb = {
  name: 'label',
  args: '<kind> <name> <labels...>',
  options: [
    { flags: '--overwrite', summary: 'change the value of a label that is there' },
    { flags: '--remove', summary: 'remove these labels (or write key-)' },
    NAMESPACE,
  ],
  summary: 'set or remove labels of one object',
  details: CODES,
  examples: ['muslinctl label node n1 rack=r7', 'muslinctl label node n1 rack-'],
  async run(ctx, input) {
    const { labelObjects } = await import('../live/label-objects.ts');
    return labelObjects(ctx, input);
  },
};
