import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  type AnyObject,
  KubeClient,
  loadConnection,
  loadKubeconfig,
  RESOURCES,
  Reflector,
  ReflectorGroup,
} from '@muslin/kube';
import { openRouteSocket, RouteDriver, serveStatus } from '@muslin/linux';
import { formatIp, formatPrefix } from '@muslin/net';
import { pino } from 'pino';
import { FactStore } from './core/cluster-facts.ts';
import { Reporter, statusOf } from './report.ts';
import { SpeakerProgram } from './speaker-program.ts';

const USAGE = `muslin-speaker --node NAME [--kubeconfig FILE] [--run-dir DIR]
  --node NAME        Kubernetes name of this node (or NODENAME)
  --kubeconfig FILE  API server; default in-cluster, then KUBECONFIG
  --run-dir DIR      socket (/run/muslin)
`;

const WATCHED = ['Node', 'BGPConfiguration', 'BGPPeer', 'BGPFilter', 'IPPool', 'IPAMBlock'] as const;

const logger = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ fd: 2, sync: true }),
);
const log = (line: string) => logger.info(line);

function refuse(text: string): never {
  process.stderr.write(`${text.trimEnd()}\n`);
  process.exit(2);
}

function readOptions() {
  try {
    const text = { type: 'string' } as const;
    const options = { node: text, kubeconfig: text, 'run-dir': text, 'state-dir': text } as const;
    const { values } = parseArgs({ options });
    const node = values.node ?? process.env['NODENAME'];
    if (node === undefined || node === '') return refuse(`--node is missing\n${USAGE}`);
    return { node, kubeconfig: values.kubeconfig, runDir: values['run-dir'] ?? '/run/muslin' };
  } catch (error) {
    return refuse(`${(error as Error).message}\n${USAGE}`);
  }
}

const { node, kubeconfig, runDir } = readOptions();
const connection = kubeconfig === undefined ? loadConnection() : loadKubeconfig({ path: kubeconfig });
if (!connection.ok) refuse(connection.fault.message);
const client = new KubeClient(connection.value, { userAgent: 'muslin-speaker' });
const netlink = openRouteSocket();
if (!netlink.ok) refuse(netlink.fault.message);
const routes = RouteDriver.open();
if (!routes.ok) refuse(routes.fault.message);

const store = new FactStore();
const reporter = new Reporter({ client, node, program: () => program, log });
const program = new SpeakerProgram({
  node,
  facts: store.facts,
  netlink: netlink.value,
  routes: routes.value,
  log,
  onChange: () => reporter.poke(),
});

let started = false;
let scheduled = false;
/** Several objects that change together are one review. */
function review(): void {
  if (!started || scheduled) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    program.review().catch((error: unknown) => logger.error((error as Error).message));
  });
}

const watches = new ReflectorGroup(
  WATCHED.map(
    kind =>
      new Reflector<AnyObject>(client, RESOURCES[kind], {
        onEvent: event => {
          if (event.type === 'synced') return;
          const { group, version } = RESOURCES[kind];
          const object = {
            ...event.object,
            apiVersion: group === '' ? version : `${group}/${version}`,
            kind,
          };
          for (const complaint of store.set(object, event.type === 'delete')) logger.warn(complaint);
          review();
        },
        onFault: fault => logger.warn({ kind, fault: fault.message }, 'watch broke; trying again'),
      }),
  ),
);
watches.start();
void watches
  .whenSynced()
  .then(async () => {
    started = true;
    await program.start();
  })
  .catch((error: unknown) => {
    logger.fatal((error as Error).message);
    process.exit(1);
  });

// Counters move without an event of their own.
setInterval(() => reporter.poke(), 2000).unref();

mkdirSync(runDir, { recursive: true });
const status = await serveStatus(`${runDir}/speaker.sock`, {
  '/healthz': () => 'ok\n',
  '/v1/status': () => ({ node, started, staleSince: watches.staleSince, ...statusOf(program) }),
  '/v1/peers': () => program.peers().map(peer => ({ ...peer, remoteIp: formatIp(peer.remoteIp) })),
  '/v1/routes': () =>
    (['ipv4-unicast', 'ipv6-unicast'] as const).flatMap(family =>
      (program.speaker?.routes(family) ?? []).map(route => ({
        ...route,
        prefix: formatPrefix(route.prefix),
      })),
    ),
});

for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.once(name, () => {
    reporter.stop();
    status.close();
    void Promise.all([program.stop(), watches.stop()]).then(() => process.exit(0));
  });
