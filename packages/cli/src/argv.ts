/**
 * Makes spellings that kubectl takes readable for the option parser: `-o=yaml` becomes `-oyaml`, a `--dry-run` alone is
 * that of the server, and a lone `-` stays the name of standard input. Nothing after `--` is touched.
 */
export function normaliseArgv(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return argv.map((arg, i) => {
    if (end >= 0 && i >= end) return arg;
    if (arg === '--dry-run') return '--dry-run=server';
    return /^-[A-Za-z]=/.test(arg) ? arg.slice(0, 2) + arg.slice(3) : arg;
  });
}
