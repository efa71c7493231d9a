import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Report } from './checks.ts';
import { Cluster } from './cluster.ts';
import { execIn } from './exec.ts';
import { claim, folderOf, knownLabs, livingOwner, sweep, wasKept } from './instance.ts';
import { drawListing, listLab } from './ls.ts';
import { type LabOptions, readOptions, USAGE } from './options.ts';
import { revive } from './revive.ts';
import { checkFanout } from './story/fanout.ts';
import { checkOverlay } from './story/overlay.ts';
import { checkRouting } from './story/routing.ts';
import { startSample, tellPolicyStory } from './story/story.ts';
import { checkTraces } from './story/traces.ts';

const out = (text: string) => void process.stdout.write(text);

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    const help = options === USAGE;
    (help ? process.stdout : process.stderr).write(`${options.trimEnd()}\n`);
    return help ? 0 : 2;
  }
  if (options.verb === 'ls') return list(options);
  if (options.verb === 'clean') return clean(options);
  if (options.verb === 'exec') return exec(options);
  return up(options);
}

async function list(options: LabOptions): Promise<number> {
  const listing = await listLab(options.id);
  if (typeof listing === 'string') {
    process.stderr.write(`${listing}\n`);
    return 1;
  }
  out(`${options.json ? JSON.stringify(listing, null, 2) : drawListing(listing)}\n`);
  return 0;
}

async function exec({ id, words: [target = '', ...command] }: LabOptions): Promise<number> {
  const done = await execIn(id, target, command);
  if (typeof done === 'number') return done;
  process.stderr.write(`${done}\n`);
  return 2;
}

async function clean(options: LabOptions): Promise<number> {
  const owner = livingOwner(options.id);
  if (owner !== undefined) {
    process.stderr.write(
      `lab "${options.id}" is running as process ${owner.pid}; end it with Ctrl-C there, or: kill ${owner.pid}\n`,
    );
    return 1;
  }
  await sweep(options.id);
  if (!options.json) out(`nothing is left of lab "${options.id}"\n`);
  return 0;
}

/** Removes what dead labs left; refuses when this one's name is taken by a living lab. */
async function makeRoom(options: LabOptions): Promise<string | undefined> {
  const owner = livingOwner(options.id);
  if (owner !== undefined)
    return `lab "${options.id}" is running already, as process ${owner.pid}; end it first, or choose another --id`;
  for (const id of knownLabs()) {
    const kept = wasKept(id) && id !== options.id;
    if (livingOwner(id) === undefined && !kept) await sweep(id);
  }
  await sweep(options.id);
  return undefined;
}

async function up(options: LabOptions): Promise<number> {
  const complaint = await makeRoom(options);
  if (complaint !== undefined) {
    process.stderr.write(`${complaint}\n`);
    return 1;
  }
  if (options.tor === 'frr' || options.tor === 'gobgp') installRouter(options.tor);
  const report = new Report(options.json ? () => {} : out, process.stdout.isTTY === true && !options.json);
  let cluster: Cluster | undefined;
  let stopping = false;
  const interrupted = new Promise<'interrupted'>(resolve => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(name, () => resolve('interrupted'));
  });
  const end = async () => {
    if (stopping) return;
    stopping = true;
    if (cluster === undefined) await sweep(options.id);
    else await cluster.down();
  };
  try {
    const work = (async () => {
      const agentArgs = ['--dataplane', options.dataplane];
      cluster = await Cluster.up({ ...options, agentArgs }, report);
      if (!options.quiet) await tell(cluster, options, report);
      return 'done' as const;
    })();
    const how = await Promise.race([work, interrupted]);
    if (how === 'interrupted') {
      work.catch(() => {});
      await end();
      return 130;
    }
    if (options.json) out(`${JSON.stringify(summary(options, report, cluster), null, 2)}\n`);
    else if (report.checks.length > 0) summarise(report);
    if (options.once) await end();
    else if (options.keep) claim(options.id, true);
    else {
      if (!options.json) out(nextSteps(options));
      const leave = cluster && revive(cluster, line => void process.stderr.write(line));
      await interrupted;
      leave?.();
      if (!options.json) out('\ntaking everything down\n');
      await end();
    }
    return report.ok ? 0 : 1;
  } catch (error) {
    report.check('the lab comes up', 'every part', (error as Error).message, false);
    if (options.json) out(`${JSON.stringify(summary(options, report, cluster), null, 2)}\n`);
    else process.stderr.write(`${(error as Error).stack}\n`);
    await end();
    return 1;
  }
}

async function tell(cluster: Cluster, options: LabOptions, report: Report): Promise<void> {
  if (options.pods > 0) await startSample(cluster, options.pods, report);
  if (options.fanout) await checkFanout(cluster, report);
  if (options.overlay === 'none') await checkRouting(cluster, report);
  else await checkOverlay(cluster, options.overlay, report);
  await tellPolicyStory(cluster, report);
  if (options.pods > 0) await checkTraces(cluster, report);
}

function installRouter(router: string): void {
  const prepare = fileURLToPath(new URL('../bootstrap/prepare.mjs', import.meta.url));
  const done = spawnSync(process.execPath, [prepare, 'lab', router], { stdio: ['ignore', 2, 2] });
  if (done.status !== 0) process.exit(done.status ?? 2);
}

function summary(options: LabOptions, report: Report, cluster: Cluster | undefined): object {
  return {
    id: options.id,
    ok: report.ok,
    elapsedMs: Math.round(report.elapsedMs),
    nodes: options.nodes,
    pods: options.pods,
    family: options.family,
    tor: options.tor,
    kubeconfig: options.once ? undefined : cluster?.kubeconfig,
    checks: report.checks,
  };
}

function summarise(report: Report): void {
  const good = report.checks.filter(check => check.ok).length;
  out(`\n${good} of ${report.checks.length} checks held, ${(report.elapsedMs / 1000).toFixed(1)} s\n`);
}

function nextSteps(options: LabOptions): string {
  const kubeconfig = `${folderOf(options.id)}/kubeconfig`;
  const id = options.id === 'lab' ? '' : ` --id ${options.id}`;
  const pods = options.pods > 0 ? '' : '  kubectl apply -f docs/examples/objects -f docs/examples\n';
  return `
The cluster stays up until Ctrl-C. Try, in another terminal:

  export KUBECONFIG=${kubeconfig}
${pods}  kubectl get pods -A -o wide
  npm run -s muslinctl -- why shop/db-1 ops/monitor-1:9090
  kubectl delete -f docs/examples/05-db-stays-home.yaml    # and ask again
  npm run -s muslinctl -- policy status -A
  npm run -s muslinctl -- bgp peers
  npm run -s muslinctl -- bgp doctor
  npm run -s lab -- ls${id}
  npm run -s lab -- exec${id} shop/web-1 -- ip route
  npm run -s lab -- exec${id} node1 -- npm run -s muslinctl -- node status
`;
}

process.exitCode = await main();
// Open sockets of probes may linger; everything is done.
process.exit();
