import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AnyObject, type KubeObject, RESOURCES } from '@muslin/kube';
import { parse } from 'yaml';
import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { type Cell, cellKey, changes, drawMatrix } from '../matrix.ts';
import type { LabPod } from '../pods/pod-action.ts';
import { sampleNamespaces, samplePods } from '../pods/sample.ts';
import { readSandboxes } from '../sandboxes.ts';
import { until } from '../until.ts';
import { type Demand, newest, notYet } from './enforced.ts';
import { cellsOf, readExpectations } from './expectation.ts';
import { checkFlows, checkStagedDeletion } from './flows.ts';
import { checkPolicyStatus } from './policy-status.ts';
import { type Participant, participants, probeRound } from './probe-round.ts';
import { judgeCells, readSnapshot } from './verdicts.ts';

const EXAMPLES = fileURLToPath(new URL('../../../../docs/examples/', import.meta.url));
const READY_MS = 60_000;

/** Creates the sample pods and waits until they run. */
export async function startSample(cluster: Cluster, count: number, report: Report): Promise<void> {
  report.step();
  await Promise.all(sampleNamespaces().map(ns => cluster.apply(ns as AnyObject)));
  const created = await Promise.all(
    (samplePods(count) as AnyObject[]).map(pod => cluster.client.create<AnyObject>(RESOURCES.Pod, pod)),
  );
  const refused = created.find(answer => !answer.ok);
  if (refused !== undefined && !refused.ok && refused.fault.code !== 'AlreadyExists')
    throw new Error(refused.fault.message);
  const ready = await until(
    () => readPods(cluster),
    pods => pods.filter(isReady).length >= count,
    READY_MS,
    50,
  );
  const pods = ready.held ? ready.value : ready.last;
  report.check('pods run', `${count} Ready`, `${pods.filter(isReady).length} Ready`, ready.held);
}

async function readPods(cluster: Cluster): Promise<readonly (LabPod & KubeObject)[]> {
  const list = await cluster.client.listAll<LabPod & KubeObject>(RESOURCES.Pod);
  return list.ok ? list.value.items : [];
}

function isReady(pod: LabPod): boolean {
  const { conditions = [] } = (pod.status ?? {}) as {
    conditions?: readonly { type: string; status: string }[];
  };
  return conditions.some(c => c.type === 'Ready' && c.status === 'True');
}

/** Waits until every node enforces the demand; true when it came to hold. */
export async function untilEnforced(
  cluster: Cluster,
  demand: Demand,
  report: Report,
  what: string,
): Promise<boolean> {
  const started = performance.now();
  const ask = async () => {
    const pairs = cluster.topology.nodes.map(
      async node => [node.name, await cluster.agentStatus(node)] as const,
    );
    return notYet(demand, new Map(await Promise.all(pairs)));
  };
  const waited = await until(ask, missing => missing.length === 0, READY_MS, 10);
  const nodes = cluster.topology.nodes.length;
  const ms = Math.round(performance.now() - started);
  const seen = waited.held ? `${nodes} of ${nodes}, seen after ${ms} ms` : waited.last.join('; ');
  return report.check(`${what} enforced`, `on ${nodes} of ${nodes} nodes`, seen, waited.held);
}

/** The policy story: open at first, then one example after the other. Returns the last grid. */
export async function tellPolicyStory(cluster: Cluster, report: Report): Promise<void> {
  const pods = await readPods(cluster);
  const people = participants(pods, readSandboxes(cluster.folder));
  if (people.length < 2) return;
  report.heading('Reachability before any policy');
  report.say('● every port answers   ◐ some do   · none   then + more, - fewer than before');
  await untilEnforced(cluster, { policies: new Map(), through: { Pod: newest(pods) } }, report, 'pods');
  let before = await round(cluster, people, report, 'no policy');
  report.say(drawMatrix(before, undefined, report));
  for (const file of globSync('*.yaml', { cwd: EXAMPLES }).sort()) {
    const text = readFileSync(EXAMPLES + file, 'utf8');
    report.heading(`kubectl apply -f docs/examples/${file}`);
    report.say(firstComment(text));
    const applied = await cluster.apply(parse(text) as AnyObject);
    const { namespace, name, resourceVersion } = applied.metadata;
    const policies = new Map([[`knp/${namespace}/${name}`, resourceVersion as string]]);
    await untilEnforced(cluster, { policies, through: {} }, report, basename(file, '.yaml'));
    const after = await round(cluster, people, report, basename(file, '.yaml'));
    checkExpectations(text, after, report);
    const { opened, closed } = changes(before, after);
    report.say(
      `${drawMatrix(after, before, report)}\n${opened.length} ports opened, ${closed.length} closed`,
    );
    before = after;
  }
  await checkPolicyStatus(cluster, report);
  await checkFlows(cluster, report);
  await checkStagedDeletion(cluster, people, report);
}

/** One grid, compared with what the policies mean. */
async function round(
  cluster: Cluster,
  people: readonly Participant[],
  report: Report,
  when: string,
): Promise<readonly Cell[]> {
  const judge = judgeCells(await readSnapshot(cluster.client));
  const cells = await probeRound(people, cell => judge(cell) === 'allow');
  const wrong = cells.filter(cell => (cell.outcome === 'open') !== (judge(cell) === 'allow'));
  const seen =
    wrong.length === 0
      ? `all ${cells.length} agree`
      : wrong
          .slice(0, 5)
          .map(c => `${cellKey(c)} is ${c.outcome}`)
          .join(', ');
  report.check(
    `kernel = meaning (${when})`,
    `all ${cells.length} probes as muslinctl why says`,
    seen,
    wrong.length === 0,
  );
  return cells;
}

function checkExpectations(text: string, cells: readonly Cell[], report: Report): void {
  for (const expectation of readExpectations(text)) {
    const concerned = cellsOf(expectation, cells);
    if (concerned.length === 0) continue;
    const good = concerned.filter(cell => (cell.outcome === 'open') === expectation.allow);
    report.check(
      expectation.line,
      `${concerned.length} of ${concerned.length}`,
      `${good.length} of ${concerned.length}`,
      good.length === concerned.length,
    );
  }
}

function firstComment(text: string): string {
  return text
    .split('\n')
    .filter(line => /^# [^e]/.test(line) && !line.startsWith('# expect'))
    .map(line => line.slice(2))
    .join(' ');
}
