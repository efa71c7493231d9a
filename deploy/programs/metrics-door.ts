import { createServer, request, type Server } from 'node:http';
import { parseArgs } from 'node:util';

const USAGE = `metrics-door --port PORT --socket FILE [--host ADDRESS]
  serves GET /metrics over TCP, as the program behind the unix socket tells it
`;

/** Listens on TCP and passes `GET /metrics` on to a unix socket; every other request is 404, a silent socket 503. */
export function openMetricsDoor(socketPath: string, port: number, host?: string): Promise<Server> {
  const server = createServer((asked, answer) => {
    if (asked.method !== 'GET' || asked.url?.split('?')[0] !== '/metrics') {
      answer.writeHead(404, { 'content-type': 'text/plain' }).end('only /metrics is here\n');
      return;
    }
    const inner = request({ socketPath, path: '/metrics', agent: false, timeout: 5000 }, reply => {
      answer.writeHead(reply.statusCode ?? 502, {
        'content-type': reply.headers['content-type'] ?? 'text/plain; version=0.0.4',
      });
      reply.pipe(answer);
    });
    inner.on('timeout', () => inner.destroy(new Error('no answer within 5 s')));
    inner.on('error', error => {
      if (!answer.headersSent) answer.writeHead(503, { 'content-type': 'text/plain' });
      answer.end(`${socketPath}: ${error.message}\n`);
    });
    inner.end();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

async function main(): Promise<string | undefined> {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({ options: { port: text, socket: text, host: text } });
    const port = Number(values.port);
    if (values.socket === undefined || !Number.isInteger(port) || port < 1 || port > 65535) return USAGE;
    const server = await openMetricsDoor(values.socket, port, values.host);
    process.once('SIGTERM', () => server.close(() => process.exit(0)).closeAllConnections());
    return undefined;
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
}

if (import.meta.main) {
  const complaint = await main();
  if (complaint !== undefined) {
    process.stderr.write(complaint);
    process.exitCode = 2;
  }
}
