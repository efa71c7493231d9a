import { mkdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { workloadPeers } from '@muslin/api';
import {
  type AnyObject,
  KubeClient,
  loadConnection,
  loadKubeconfig,
  RESOURCES,
  Reflector,
  ReflectorGroup,
  watchFaults,
} from '@muslin/kube';
import { openRouteSocket, RouteDriver } from '@muslin/linux';
import { pino } from 'pino';
import { calicoStatus } from './core/calico-node-status.ts';
import { FactStore } from './core/fact-store.ts';
import { nodeStatus } from './core/node-status.ts';
import { passwordsFor } from './core/passwords-for.ts';
import { Readiness } from './core/readiness.ts';
import { type Problem, problemText } from './core/problem.ts';
import { JournalFiles } from './journal-files.ts';
import { LaterWatches } from './later-watches.ts';
import { KernelDrops } from './kernel-drops.ts';
import { metrics } from './metrics.ts';
import { NodeAnswers } from './node-answers.ts';
import { readOptions, USAGE } from './options.ts';
import { deedsOf } from './deeds.ts';
import { pagesOf } from './pages.ts';
import { Passwords } from './passwords.ts';
import { QuestionAnswers } from './question-answers.ts';
import { rehearse } from './rehearsal.ts';
import { Reporter } from './report.ts';
import { seenRoutes } from './seen-routes.ts';
import { SpeakerProgram } from './speaker-program.ts';
import { serveSocket } from './status-socket.ts';

/** What routing is decided by. */
const WATCHED = [
  'Node',
  'BGPConfiguration',
  'BGPPeer',
  'BGPFilter',
  'BGPPeerPolicy',
  'IPPool',
  'BlockAffinity',
  'IPAMBlock',
  'Service',
  'EndpointSlice',
] as const;
/** Words of BGPConfiguration logSeverityScreen. */
const LEVELS = {
  ...{ Trace: 'trace', Debug: 'debug', Info: 'info' },
  ...{ Warning: 'warn', Error: 'error', Fatal: 'fatal' },
} as const;
/** Longest that the first review waits for passwords, and for pods that are peers. */
const FIRST_WAIT_MS = 3_000;

const logger = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ fd: 2, sync: true }),
);
const log = (line: string) => logger.info(line);
const timeOf = (at: number) => new Date(performance.timeOrigin + at).toISOString().replace(/\.\d+Z$/, 'Z');

function refuse(text: string): never {
  process.stderr.write(`${text.trimEnd()}\n`);
  process.exit(2);
}

const options = readOptions(process.argv.slice(2), process.env);
if (!options.ok) refuse(`${options.fault}\n${USAGE}`);
const { node, kubeconfig, runDir, namespace, journal: folder, journalMaxBytes: maxBytes } = options.value;
const connection = kubeconfig === undefined ? loadConnection() : loadKubeconfig({ path: kubeconfig });
if (!connection.ok) refuse(connection.fault.message);
const client = new KubeClient(connection.value, { userAgent: 'muslin-speaker' });
const netlink = openRouteSocket();
if (!netlink.ok) refuse(netlink.fault.message);
const opened = RouteDriver.open();
if (!opened.ok) refuse(opened.fault.message);
const routes = opened.value;

const journal = folder === undefined ? undefined : new JournalFiles({ folder, maxBytes, log });
const store = new FactStore();
const passwords = new Passwords({ client, namespace, onChange: () => review() });
const program = new SpeakerProgram({
  node,
  facts: store.facts,
  netlink: netlink.value,
  routes,
  passwordOf: name => passwords.get(name)?.reveal(),
  log,
  ...(journal === undefined ? {} : { journal: entry => journal.write(entry) }),
  onArrival: (to, seconds) => measured.arrived(to, seconds),
  onChange: () => reporter.poke(),
});

const drops = new KernelDrops();
let conditions: ReturnType<typeof nodeStatus>['conditions'] = [];
const problems = (): readonly Problem[] => [...store.problems(node), ...program.problems];
function status() {
  const { desired, fib } = program;
  const view = {
    ...{ desired, peers: program.peers(), routesLearned: fib.size, problems: problems(), timeOf },
    unconfirmed: program.unconfirmed,
    ...{ now: performance.now(), witness: drops.lately(performance.now()) },
  };
  const now = nodeStatus(view, conditions, timeOf(performance.now()));
  conditions = now.conditions;
  return now;
}
const reporter = new Reporter({ client, node, status, log });

const answers = new NodeAnswers({
  client,
  node,
  log,
  answer: async classes => {
    const kernel = classes.includes('Routes') ? await routes.read() : undefined;
    const { changedAt } = program;
    const view = {
      desired: program.desired,
      peers: program.peers(),
      routes: kernel?.ok ? seenRoutes(kernel.value, program.speaker) : [],
      version: 'muslin 0.1.0',
      bootTime: timeOf(0),
      changeTime: changedAt === undefined ? undefined : timeOf(changedAt),
      timeOf,
    };
    return calicoStatus(view, classes);
  },
});

const readiness = new Readiness();
let started = false;
let scheduled = false;
let complained = '';
/** Several objects that change together are one review. */
function review(): void {
  if (!started || scheduled) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    store.setPasswords(passwords.states());
    program.review();
    logger.level = LEVELS[program.desired?.logSeverity ?? 'Info'];
    followPasswords();
    void followPods();
    const text = program.problems.map(problemText).join('; ');
    if (text !== complained && text !== '') logger.warn(`not all of the configuration is in effect: ${text}`);
    complained = text;
  });
}

/** Watches the pods of this node, and what hands them labels, while BGPPeers make some of them peers. */
async function followPods(): Promise<void> {
  const own = store.facts.nodes.get(node);
  if (own !== undefined && workloadPeers(store.facts.peers, own).length > 0) await podWatches.want();
}

/** Reads the Secrets that sessions name; what is known of them changes what sessions may do. */
function followPasswords(): void {
  passwords.want(program.desired?.passwords ?? new Map());
  if (store.setPasswords(passwords.states())) review();
}

const broke = watchFaults((kind, message) => logger.warn({ kind }, message), 'no session begins before');

/** Reflects one kind; each object comes with its kind, which lists leave out. */
function reflect(
  kind: keyof typeof RESOURCES,
  take: (object: AnyObject, gone: boolean) => void,
  fieldSelector?: string,
) {
  const { group, version } = RESOURCES[kind];
  const apiVersion = group === '' ? version : `${group}/${version}`;
  return new Reflector<AnyObject>(client, RESOURCES[kind], {
    ...(fieldSelector !== undefined && { fieldSelector }),
    onEvent: event => {
      if (event.type !== 'synced') take({ ...event.object, apiVersion, kind }, event.type === 'delete');
    },
    onFault: fault => broke(kind, RESOURCES[kind], fault),
  });
}

function take(object: AnyObject, gone: boolean): void {
  const { version } = store;
  for (const complaint of store.set(object, gone)) logger.warn(complaint);
  if (store.version === version) reporter.poke();
  else review();
}

const watches = new ReflectorGroup(WATCHED.map(kind => reflect(kind, take)));
const podWatches = new LaterWatches(() => [
  reflect('Pod', take, `spec.nodeName=${node}`),
  reflect('Namespace', take),
  reflect('ServiceAccount', take),
]);
// Nobody's routes depend on questions.
const questions = reflect('CalicoNodeStatus', (object, gone) => answers.set(object, gone));
questions.start();
const asked = reflect(
  'BGPQuestion',
  (object, gone) => questionAnswers.set(object, gone),
  `metadata.name=${node}`,
);
watches.start();
// While the API server answers.
await rehearse(netlink.value);
void watches
  .whenSynced()
  .then(async () => {
    passwords.want(passwordsFor(store.facts, node));
    await Promise.all([
      passwords.settled(FIRST_WAIT_MS),
      Promise.race([followPods(), setTimeout(FIRST_WAIT_MS)]),
    ]);
    store.setPasswords(passwords.states());
    started = true;
    await program.start();
    review();
  })
  .catch((error: unknown) => {
    logger.fatal((error as Error).message);
    process.exit(1);
  });

// Counters move without an event of their own.
setInterval(() => reporter.poke(), 2000).unref();

mkdirSync(runDir, { recursive: true });
const measured = metrics(() => ({
  peers: program.peers(),
  falls: program.falls,
  routesLearned: program.fib.size,
  routesRefused: program.fib.refused.size,
  problems: problems().length,
  now: performance.now(),
  origin: performance.timeOrigin,
  witness: drops.lately(performance.now()),
}));
const pages = pagesOf({
  program,
  status: () => ({
    node,
    started,
    ...readiness.review(started, program.peers(), performance.now()),
    left: program.left,
    staleSince: watches.staleSince,
    ...status(),
    problems: problems().map(problemText),
    routesRefused: Object.fromEntries(program.fib.refused),
  }),
  sessionLog: program.sessionLog,
  metrics: measured.text,
  kernel: async () => {
    const read = await routes.read();
    return read.ok ? read.value : undefined;
  },
});
const questionAnswers = new QuestionAnswers({ client, node, pages, log });
asked.start();
const socket = await serveSocket(`${runDir}/speaker.sock`, pages, deedsOf(program));

process.on('exit', () => journal?.close());
let ending = false;
for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.on(name, () => {
    if (ending) return;
    ending = true;
    started = false;
    reporter.stop();
    answers.stop();
    questionAnswers.stop();
    socket.close();
    void Promise.all([
      program.stop(),
      watches.stop(),
      questions.stop(),
      asked.stop(),
      podWatches.stop(),
      passwords.stop(),
    ]).then(() => process.exit(0));
  });
