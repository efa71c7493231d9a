import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import {
  type AnyObject,
  EventRecorder,
  KubeClient,
  DEFAULT_ELECTION,
  LeaderElection,
  loadConnection,
  loadKubeconfig,
  RESOURCES,
  Reflector,
  ReflectorGroup,
} from '@muslin/kube';
import { serveStatus } from '@muslin/linux';
import { pino } from 'pino';
import { Garbage } from './garbage/garbage.ts';
import { nodeReports } from './garbage/node-reports.ts';
import { NodeLoss } from './node-loss.ts';
import { PoolStatus } from './pool-status.ts';
import { WorkQueue } from './work-queue.ts';

const USAGE = `muslin-controller [--kubeconfig FILE] [--run-dir DIR] [--id NAME] [--namespace NAMESPACE]
                  [--garbage free|dry-run|off]
  --id NAME         identity in the leader election (host name)
  --namespace NS    where the Lease stands (kube-system)
  --garbage MODE    free lost addresses (free), only tell of them (dry-run), or neither (off)
`;

const GARBAGE_MODES = ['free', 'dry-run', 'off'] as const;

const logger = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ fd: 2, sync: true }),
);

function refuse(text: string): never {
  process.stderr.write(`${text.trimEnd()}\n`);
  process.exit(2);
}

function readOptions() {
  try {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
      options: { kubeconfig: text, 'run-dir': text, id: text, namespace: text, garbage: text },
    });
    const garbage = GARBAGE_MODES.find(each => each === (values.garbage ?? 'free'));
    if (garbage === undefined)
      return refuse(`--garbage ${values.garbage}: choose free, dry-run or off\n${USAGE}`);
    return {
      garbage,
      kubeconfig: values.kubeconfig,
      runDir: values['run-dir'] ?? '/run/muslin',
      id: `${values.id ?? hostname()}-${process.pid}`,
      namespace: values.namespace ?? 'kube-system',
    };
  } catch (error) {
    return refuse(`${(error as Error).message}\n${USAGE}`);
  }
}

const { kubeconfig, runDir, id, namespace, garbage: mode } = readOptions();
const connection = kubeconfig === undefined ? loadConnection() : loadKubeconfig({ path: kubeconfig });
if (!connection.ok) refuse(connection.fault.message);
const client = new KubeClient(connection.value, { userAgent: 'muslin-controller' });
const log = (line: string) => logger.info(line);

const pools = new Map<string, AnyObject>();
const nodes = new Set<string>();
const affinities = new Map<string, AnyObject>();
const poolStatus = new PoolStatus({ client, pools, log });
const nodeLoss = new NodeLoss({ client, nodes, affinities, log });
const events = new EventRecorder(
  client,
  { component: 'muslin-controller', instance: hostname() },
  { onFault: fault => logger.warn(fault.message) },
);
const garbage = new Garbage({
  ...{ client, mode, log, reports: nodeReports(client), now: Date.now },
  tell: note => events.record(note),
});
let leader: string | undefined;

const queue = new WorkQueue({
  work: {
    pool: name => poolStatus.reconcile(name),
    affinity: name => nodeLoss.reconcile(name),
    garbage: () => garbage.reconcile(),
  },
  active: () => election.role === 'leader' && watches.synced,
  onFault: (key, message, waitMs) => logger.warn({ key, waitMs }, message),
});
const everything = () => {
  for (const name of pools.keys()) queue.add('pool', name);
  for (const name of affinities.keys()) queue.add('affinity', name);
  queue.add('garbage', 'addresses');
};

const watch = (
  kind: 'IPPool' | 'Node' | 'BlockAffinity',
  onObject: (object: AnyObject, gone: boolean) => void,
) =>
  new Reflector<AnyObject>(client, RESOURCES[kind], {
    onEvent: event => {
      if (event.type !== 'synced') onObject(event.object, event.type === 'delete');
    },
    onFault: fault => logger.warn({ kind, fault: fault.message }, 'watch broke; trying again'),
  });

const keep = <T>(map: Map<string, T>, name: string, value: T, gone: boolean) =>
  void (gone ? map.delete(name) : map.set(name, value));
const watches = new ReflectorGroup([
  watch('IPPool', (object, gone) => {
    keep(pools, object.metadata.name ?? '', object, gone);
    // Whether pools overlap concerns all of them.
    for (const name of pools.keys()) queue.add('pool', name);
  }),
  watch('Node', (object, gone) => {
    const name = object.metadata.name ?? '';
    if (gone) nodes.delete(name);
    else nodes.add(name);
    if (gone) for (const affinity of affinities.keys()) queue.add('affinity', affinity);
  }),
  watch('BlockAffinity', (object, gone) => {
    keep(affinities, object.metadata.name ?? '', object, gone);
    queue.add('affinity', object.metadata.name ?? '');
  }),
]);

const election = new LeaderElection(
  client,
  { namespace, name: 'muslin-controller', identity: id, ...DEFAULT_ELECTION },
  {
    onRole: (role, holder) => {
      leader = holder;
      logger.info({ role, leader: holder }, 'election');
      if (role === 'leader') everything();
    },
    onFault: fault => logger.warn(fault.message),
  },
);

watches.start();
void watches.whenSynced().then(everything);
election.start();
setInterval(everything, 300_000).unref();

mkdirSync(runDir, { recursive: true });
const status = await serveStatus(`${runDir}/controller.sock`, {
  '/healthz': () => 'ok\n',
  '/v1/status': () => ({ id, role: election.role, leader, synced: watches.synced }),
  // A replica that does not lead has not looked: what it knew would only be counted twice.
  '/metrics': () => (election.role === 'leader' ? garbage.metrics() : ''),
});

for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.once(name, () => {
    status.close();
    void Promise.all([watches.stop(), election.stop(), events.stop()]).then(() => process.exit(0));
  });
