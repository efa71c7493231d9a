import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Report } from '../checks.ts';
import { ourProgram } from '../child.ts';
import type { Cluster } from '../cluster.ts';
import { until } from '../until.ts';

const MUSLINCTL = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url));
/** A node tells its status a moment after it changed. */
const PATIENCE_MS = 15_000;

/** What people would ask first: is anything wrong with BGP? */
export async function checkDoctor(cluster: Cluster, report: Report): Promise<void> {
  const asked = await until(
    () => askDoctor(cluster.kubeconfig),
    answer => answer.startsWith('All is well'),
    PATIENCE_MS,
    250,
  );
  const answer = asked.held ? asked.value : asked.last;
  report.check('muslinctl bgp doctor', 'All is well', answer.trimEnd(), asked.held);
}

function askDoctor(kubeconfig: string): Promise<string> {
  const [program = '', ...args] = ourProgram(MUSLINCTL, 'bgp', 'doctor', '--kubeconfig', kubeconfig);
  return new Promise(resolve => {
    execFile(program, args, { encoding: 'utf8', timeout: 10_000 }, (_error, stdout, stderr) =>
      resolve(stdout || stderr),
    );
  });
}
