import { createServer, request, type Server } from 'node:http';
import { parseArgs } from 'node:util';

const USAGE = `metrics-door --port PORT [--run-dir DIR] [--host ADDRESS]
  serves GET /metrics/PROGRAM over TCP, as the socket of the agent, speaker or controller in DIR tells it
`;
const PAGES: ReadonlyMap<string, string> = new Map(
  ['agent', 'speaker', 'controller'].map(program => [`/metrics/${program}`, `${program}.sock`]),
);

/** Listens on TCP and passes metrics pages on to unix sockets; every other request is 404, a silent socket 503. */
export function openMetricsDoor(runDir: string, port: number, host?: string): Promise<Server> {
  const server = createServer((asked, answer) => {
    const page = asked.url?.split('?')[0] ?? '';
    const name = PAGES.get(page);
    if (asked.method !== 'GET' || name === undefined) {
      answer.writeHead(404, { 'content-type': 'text/plain' }).end(`only ${[...PAGES.keys()].join(', ')}\n`);
      return;
    }
    const socketPath = `${runDir}/${name}`;
    const inner = request({ socketPath, path: '/metrics', agent: false, timeout: 5000 }, reply => {
      // Whoever asks here is anybody: what went wrong inside is for those who may open the socket.
      if (reply.statusCode !== 200) {
        reply.resume();
        answer.writeHead(503, { 'content-type': 'text/plain' }).end(`${socketPath}: no metrics now\n`);
        return;
      }
      answer.writeHead(200, { 'content-type': reply.headers['content-type'] ?? 'text/plain; version=0.0.4' });
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
    const { values } = parseArgs({ options: { port: text, 'run-dir': text, host: text } });
    const port = Number(values.port);
    if (!Number.isInteger(port) || port < 1 || port > 65535) return USAGE;
    const server = await openMetricsDoor(values['run-dir'] ?? '/run/muslin', port, values.host);
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
