import type { VerbOption } from './verb.ts';

/** Options that several verbs share, each written once. */
export const FILES: VerbOption = {
  flags: '-f, --files <path>',
  summary: 'folder or file of YAML or JSON objects, read instead of a cluster (repeatable)',
  repeats: true,
};

/** The same where no arguments follow, so that one `--files` may take several paths. */
export const FILES_MANY: VerbOption = { ...FILES, flags: '-f, --files <paths...>' };

export const POD_CIDR: VerbOption = {
  flags: '--pod-cidr <cidr>',
  summary: 'where pods of --files without an address live (default: reserved space that no one uses)',
  repeats: true,
};

export const SKIP_BROKEN: VerbOption = {
  flags: '--skip-broken',
  summary: 'leave out files of --files that cannot be read, rather than stop',
};

export const STAGED: VerbOption = {
  flags: '--staged',
  summary: 'as if staged policies were in force, and what they would delete were gone',
};

export const NAMESPACE: VerbOption = {
  flags: '-n, --namespace <name>',
  summary: 'namespace of names without one (default: that of the kubeconfig context, or "default")',
};

export const ALL_NAMESPACES: VerbOption = { flags: '-A, --all-namespaces', summary: 'all namespaces' };

export const SELECTOR: VerbOption = {
  flags: '-l, --selector <labels>',
  summary: 'only objects with these labels: app=web,tier!=db',
};

export const OUTPUT: VerbOption = {
  flags: '-o, --output <form>',
  summary: 'json, yaml, wide or name instead of a table',
};

/** For answers that are no objects of the cluster. */
export const OUTPUT_DATA: VerbOption = {
  flags: '-o, --output <form>',
  summary: 'json or yaml instead of text',
  choices: ['json', 'yaml'],
};

export const PORT: VerbOption = {
  flags: '--port <port>',
  summary: 'dial this port on every pod too: 443, 53/udp (repeatable)',
  repeats: true,
};

export const EXTERNAL: VerbOption = {
  flags: '--external <ip>',
  summary: 'an address outside the cluster to try too (repeatable)',
  repeats: true,
};

/** What the verbs that write read. */
export const OBJECTS: VerbOption = {
  ...FILES_MANY,
  summary: 'folders and files of YAML or JSON objects, or - for standard input',
};

export const DRY_RUN: VerbOption = {
  flags: '--dry-run <where>',
  summary: 'change nothing: "server" has the server check it (also without a value), "client" checks it here',
  choices: ['server', 'client', 'none'],
};

/** What goes to a cluster is what was pointed at: kubectl and calicoctl, too, leave folders below alone. */
export const RECURSIVE: VerbOption = {
  flags: '-R, --recursive',
  summary: 'folders below those of --files too',
};

export const SKIP_EMPTY: VerbOption = {
  flags: '--skip-empty',
  summary: 'no objects in the files is no error',
};

/** Ends the help of every verb that writes. */
export const WRITE_CODES = 'Exit code: 0 all done, 1 the server refused something, 2 bad usage or input.';

/** Options of every verb, before or after it. */
export const GLOBAL: readonly VerbOption[] = [
  {
    flags: '--kubeconfig <file>',
    summary: 'how to reach the cluster (default: $KUBECONFIG, ~/.kube/config)',
  },
  { flags: '--context <name>', summary: 'context of the kubeconfig' },
  {
    flags: '--allow-version-mismatch',
    summary: 'for the habits of calicoctl: no version is refused anyway',
    hidden: true,
  },
  {
    flags: '-c, --config <file>',
    summary: 'for the habits of calicoctl: its file, which may name a kubeconfig',
    hidden: true,
  },
  { flags: '--log-level <level>', summary: 'for the habits of calicoctl: nothing is logged', hidden: true },
  { flags: '--no-color', summary: 'never colour (also: NO_COLOR in the environment)' },
];
