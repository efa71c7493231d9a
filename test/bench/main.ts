import { type Emit, formatFigure } from './figure.ts';

/** What a suite exports. */
interface Suite {
  run(emit: Emit, options: { readonly quick: boolean }): Promise<void> | void;
}

const SUITES: Readonly<Record<string, () => Promise<readonly Suite[]>>> = {
  lab: async () => [await import('./lab.ts')],
  bgp: async () => [await import('./bgp/suite.ts')],
  cni: async () => [await import('./cni/suite.ts')],
  policy: async () => [
    await import('../../packages/policy/bench/graph.ts'),
    await import('../../packages/policy/bench/judge.ts'),
    await import('../../packages/dataplane/bench/run.ts'),
  ],
};

const [name = '', ...flags] = process.argv.slice(2);
const load = SUITES[name];
if (load === undefined || flags.some(flag => flag !== '--quick')) {
  process.stderr.write(`npm run -s bench -- SUITE [--quick]\nsuites: ${Object.keys(SUITES).join(', ')}\n`);
  process.exit(2);
}
/** Suites that are made of several parts say which part in the case. */
const emit: Emit = figure => {
  const title = figure.suite === name ? figure.case : `${figure.suite}: ${figure.case}`;
  process.stdout.write(`${formatFigure({ ...figure, suite: name, case: title })}\n`);
};
for (const suite of await load()) await suite.run(emit, { quick: flags.includes('--quick') });
process.exit(0);
