/**
 * Makes two spellings that kubectl takes readable for the option parser: `-o=yaml` becomes `-oyaml`, and a lone `-`
 * stays the name of standard input. Nothing after `--` is touched.
 */
export function normaliseArgv(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return argv.map((arg, i) =>
    /^-[A-Za-z]=/.test(arg) && (end < 0 || i < end) ? arg.slice(0, 2) + arg.slice(3) : arg,
  );
}
