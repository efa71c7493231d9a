import { KubeClient, loadConnection, loadKubeconfig } from '@muslin/kube';
import { pino } from 'pino';
import { startAgent } from './agent.ts';
import { sizeThreadPool } from './kernel/thread-pool.ts';
import { readOptions } from './options.ts';

sizeThreadPool(process.env);

const log = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ fd: 2, sync: true }),
);

async function main(): Promise<number | undefined> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (typeof options === 'string') {
    process.stderr.write(`${options.trimEnd()}\n`);
    return 2;
  }
  const connection =
    options.kubeconfig === undefined ? loadConnection() : loadKubeconfig({ path: options.kubeconfig });
  if (!connection.ok) {
    process.stderr.write(`${connection.fault.message}\n`);
    return 2;
  }
  const client = new KubeClient(connection.value, { userAgent: 'muslin-agent' });
  const agent = await startAgent(options, client, log);
  log.info({ node: options.node }, 'the agent serves');
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => {
      // Rules, routes and pods stay as they are: whoever comes next takes over from them.
      void agent.stop().then(() => process.exit(0));
    });
  return undefined;
}

main().then(
  code => {
    if (code !== undefined) process.exit(code);
  },
  (error: unknown) => {
    log.fatal({ error: (error as Error).message }, 'the agent could not start');
    process.exit(1);
  },
);
