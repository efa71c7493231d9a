import { Command, CommanderError, Option } from 'commander';
import type { Context } from './context.ts';
import { normaliseArgv } from './argv.ts';
import { GLOBAL } from './options.ts';
import { VERSION } from './version.ts';
import type { ExitCode, Input, Verb, VerbOption } from './verb.ts';

/** What `--help` says about groups of verbs with two words. */
const GROUPS: Readonly<Record<string, string>> = {
  cluster: 'an archive about the whole cluster for reports',
  datastore: 'all objects at once: save, load, lock',
  'datastore migrate': 'all objects at once: save, load, lock',
  bgp: 'BGP sessions of the nodes',
  ipam: 'addresses, blocks and pools',
  migrate: 'moving a cluster over from Calico',
  node: 'this node: its programs, its kernel, an archive for reports',
  policy: 'policies in force',
};

/** Runs one command line, without the program's own name, and tells the exit code. */
export async function run(argv: readonly string[], ctx: Context, verbs: readonly Verb[]): Promise<ExitCode> {
  let code: ExitCode = 0;
  const root = new Command('muslinctl')
    .description('Explains, checks and changes the network of a Kubernetes cluster that runs Muslin.')
    .configureOutput({
      writeOut: ctx.stdout,
      writeErr: ctx.stderr,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .version(VERSION, '--version', 'show the version of muslinctl')
    .exitOverride()
    .helpCommand(false)
    .showHelpAfterError('See "muslinctl --help".');
  for (const option of GLOBAL) root.addOption(toOption(option));
  for (const verb of verbs) {
    const command = commandFor(root, verb);
    command.action(async () => {
      code = await verb.run(ctx, inputOf(command));
    });
  }
  try {
    await root.parseAsync([...normaliseArgv(argv)], { from: 'user' });
    return code;
  } catch (cause) {
    // Commander has already told the person: help and version end with 0, everything else is bad usage.
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? 0 : 2;
    throw cause;
  }
}

/** Finds or makes the command of a verb; the first of two words is a group. */
function commandFor(root: Command, verb: Verb): Command {
  const words = verb.name.split(' ');
  const last = words.pop() ?? verb.name;
  let parent = root;
  for (const [i, word] of words.entries()) {
    const known = parent.commands.find(command => command.name() === word);
    const group = words.slice(0, i + 1).join(' ');
    parent =
      known ??
      parent
        .command(word)
        .description(GROUPS[group] ?? '')
        .showHelpAfterError(`See "muslinctl ${group} --help".`)
        .helpCommand(false);
  }
  const command = parent.command(`${last} ${verb.args}`.trim(), { hidden: verb.hidden ?? false });
  command.summary(verb.summary).description(`${upperFirst(verb.summary)}.`);
  command.showHelpAfterError(`See "muslinctl ${verb.name} --help".`);
  for (const option of verb.options) command.addOption(toOption(option));
  if (verb.loose) command.allowUnknownOption().allowExcessArguments();
  if (verb.details !== undefined) command.addHelpText('after', `\n${verb.details}`);
  if (verb.examples.length > 0)
    command.addHelpText('after', `\nExamples:\n${verb.examples.map(line => `  ${line}`).join('\n')}`);
  return command;
}

function toOption(row: VerbOption): Option {
  const option = new Option(row.flags, row.summary);
  if (row.choices !== undefined) option.choices([...row.choices]);
  if (row.required) option.makeOptionMandatory();
  if (row.hidden) option.hideHelp();
  if (row.repeats && !option.variadic)
    option.argParser((value, before: readonly string[] | undefined) => [...(before ?? []), value]);
  return option;
}

function inputOf(command: Command): Input {
  const options: Readonly<Record<string, unknown>> = command.optsWithGlobals();
  const texts = (name: string) => [options[name] ?? []].flat().filter(value => typeof value === 'string');
  return {
    args: command.args,
    text: name => texts(name).at(-1),
    list: texts,
    flag: name => options[name] === true || options[refused(name)] === false,
  };
}

/** Commander keeps `--no-headers` as `headers: false`. */
function refused(name: string): string {
  return /^no[A-Z]/.test(name) ? name.charAt(2).toLowerCase() + name.slice(3) : '';
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
