import { type Emit, formatFigure } from './figure.ts';

/** What a suite exports. */
interface Suite {
  run(emit: Emit, options: { readonly quick: boolean }): Promise<void> | void;
}

const SUITES: Readonly<Record<string, () => Promise<readonly Suite[]>>> = {
  lab: async () => [await import('./lab.ts')],
  policy: async () => [
    await import('../../packages/policy/bench/graph.ts'),
    await import('../../packages/policy/bench/judge.ts'),
  ],
};

const [name = '', ...flags] = process.argv.slice(2);
const load = SUITES[name];
if (load === undefined || flags.some(flag => flag !== '--quick')) {
  process.stderr.write(`npm run -s bench -- SUITE [--quick]\nsuites: ${Object.keys(SUITES).join(', ')}\n`);
  process.exit(2);
}
const emit: Emit = figure => process.stdout.write(`${formatFigure(figure)}\n`);
for (const suite of await load()) await suite.run(emit, { quick: flags.includes('--quick') });
process.exit(0);
