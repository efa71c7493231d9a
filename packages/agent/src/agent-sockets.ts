import { serveStatus } from '@muslin/linux';
import type { Logger } from 'pino';
import { answerTo, type CniHandler, serveCni } from './cni/cni-server.ts';
import { DelQueue } from './cni/del-queue.ts';
import type { FlowLog } from './flows/flow-log.ts';
import type { agentMetrics } from './metrics.ts';
import type { AgentOptions } from './options.ts';
import type { PolicyCounts } from './policy-counts.ts';

/** Who answers. */
export interface SocketParts {
  readonly options: Pick<AgentOptions, 'runDir' | 'cniQueue'>;
  readonly serve: CniHandler;
  readonly metrics: Pick<ReturnType<typeof agentMetrics>, 'text'>;
  readonly counts: Pick<PolicyCounts, 'read'>;
  readonly flowLog: Pick<FlowLog, 'read'>;
  readonly status: () => object;
  readonly log: Logger;
}

/** Opens `cni.sock` and `agent.sock` in the run folder, and takes up the DELs that came while nobody answered. */
export async function openSockets(parts: SocketParts): Promise<{ close(): void }> {
  const { options, serve, metrics, counts, flowLog, log } = parts;
  const cni = await serveCni(`${options.runDir}/cni.sock`, serve, line => log.error(line));
  const queue = new DelQueue({
    folder: options.cniQueue,
    answer: bytes => answerTo(bytes, serve, line => log.error(line)),
    log: line => log.warn(line),
  });
  queue.start();
  const status = await serveStatus(`${options.runDir}/agent.sock`, {
    '/healthz': () => 'ok\n',
    '/metrics': () => {
      counts.read();
      return metrics.text();
    },
    '/v1/policy-counters': () => counts.read(),
    '/v1/flows': query => {
      const from = query.get('from');
      return flowLog.read(from === null ? undefined : Number(from), query.get('allowed') !== 'false');
    },
    '/v1/status': parts.status,
  });
  return {
    close() {
      cni.close();
      queue.stop();
      status.close();
    },
  };
}
