/**
 * Makes spellings that kubectl and calicoctl take readable for the option parser: `-o=yaml` becomes `-oyaml`, `--filename` is
 * `--files`, a `--dry-run` alone is that of the server, `help get` is `get --help`, and a lone `-` stays the name of standard
 * input. Nothing after `--` is touched.
 */
export function normaliseArgv(argv: readonly string[]): readonly string[] {
  if (argv[0] === 'help') return [...argv.slice(1), '--help'];
  const end = argv.indexOf('--');
  return argv.map((arg, i) => {
    if (end >= 0 && i >= end) return arg;
    if (arg === '--dry-run') return '--dry-run=server';
    if (/^--filename(=|$)/.test(arg)) return arg.replace('name', 's');
    return /^-[A-Za-z]=/.test(arg) ? arg.slice(0, 2) + arg.slice(3) : arg;
  });
}
