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
          // Real kernel, network namespaces, child processes: these mostly wait, so two files keep two cores busy. Each
          // has namespaces, folders and ports of its own; after the unit tests, which do need the cores.
          name: 'kernel',
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          include: ['packages/*/test/**/*.kernel.test.ts', 'test/**/*.kernel.test.ts'],
          execArgv,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
