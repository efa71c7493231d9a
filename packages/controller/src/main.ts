import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { EventRecorder, KubeClient, LeaderElection, loadConnection, loadKubeconfig } from '@muslin/kube';
import { serveStatus } from '@muslin/linux';
import { pino } from 'pino';
import { Controllers } from './controllers.ts';
import { serveFanout } from './fanout/serve-fanout.ts';
import { readOptions } from './options.ts';

/** One write a second from one process: a successor of a leader that died begins five to seven seconds later. */
const ELECTION = { leaseMs: 5_000, renewDeadlineMs: 4_000, retryMs: 1_000 } as const;

const logger = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ fd: 2, sync: true }),
);

function refuse(text: string): never {
  process.stderr.write(`${text.trimEnd()}\n`);
  process.exit(2);
}

const options = readOptions(process.argv.slice(2));
if (typeof options === 'string') refuse(options);
const { kubeconfig, runDir, id, namespace } = options;
const connection = kubeconfig === undefined ? loadConnection() : loadKubeconfig({ path: kubeconfig });
if (!connection.ok) refuse(connection.fault.message);
const client = new KubeClient(connection.value, { userAgent: 'muslin-controller' });

const events = new EventRecorder(
  client,
  { component: 'muslin-controller', instance: hostname() },
  { onFault: fault => logger.warn(fault.message) },
);
const controllers = new Controllers({
  fanout: options.fanout !== undefined,
  client,
  garbage: options.garbage,
  leads: () => election.role === 'leader',
  log: line => logger.info(line),
  warn: (line, more) => logger.warn(more, line),
  tell: note => events.record(note),
});

let leader: string | undefined;
const election = new LeaderElection(
  client,
  { namespace, name: 'muslin-controller', identity: id, ...ELECTION },
  {
    onRole: (role, holder) => {
      leader = holder;
      logger.info({ role, leader: holder }, 'election');
      if (role === 'leader') controllers.everything();
    },
    onFault: fault => logger.warn(fault.message),
  },
);

controllers.start();
election.start();

// Its authority may take until the API server answers; nothing else waits for it.
let fanout: Awaited<ReturnType<typeof serveFanout>> | undefined;
if (options.fanout !== undefined)
  void serveFanout(client, { ...options.fanout, namespace }, line => logger.warn(line)).then(
    serving => {
      fanout = serving;
      logger.info({ port: serving.port }, 'fan-out serves');
    },
    (error: Error) => refuse(`--fanout-listen: ${error.message}`),
  );

mkdirSync(runDir, { recursive: true });
const status = await serveStatus(`${runDir}/controller.sock`, {
  '/healthz': () => 'ok\n',
  '/v1/status': () => ({
    id,
    role: election.role,
    leader,
    synced: controllers.watches.synced,
    fanout: fanout?.status,
  }),
  // A replica that does not lead has not looked: what it knew would only be counted twice.
  '/metrics': () => (election.role === 'leader' ? controllers.garbage.metrics() : ''),
});

for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.once(name, () => {
    status.close();
    void Promise.all([controllers.stop(), election.stop(), events.stop(), fanout?.stop()]).then(() =>
      process.exit(0),
    );
  });
