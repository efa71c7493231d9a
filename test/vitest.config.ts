import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const conditions = ['@muslin/source', 'node', 'import', 'module', 'default'];
const shared = {
  root,
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['@muslin/source', 'node', 'import', 'default'] } },
};
const execArgv = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];

export default defineConfig({
  ...shared,
  test: {
    reporters: ['default', `${root}/test/summary-reporter.ts`],
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/*.kernel.test.ts', '**/node_modules/**'],
          execArgv,
          maxWorkers: 2,
          testTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          // Real kernel, network namespaces, child processes: one file at a time, so that times mean something.
          name: 'kernel',
          include: ['packages/*/test/**/*.kernel.test.ts', 'test/**/*.kernel.test.ts'],
          execArgv,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
