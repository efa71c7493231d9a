import { Agent, request } from 'node:https';
import {
  type ApiServer,
  type ApiServerOptions,
  type Certificates,
  kubeconfigText,
  makeCertificates,
  startApiServer,
} from '../../src/apiserver/index.ts';

/** Any JSON; tests look into answers freely. */
// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
export type Any = any;

export interface Answer {
  readonly code: number;
  readonly body: Any;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Event {
  readonly type: string;
  readonly object: Any;
}

const TOKEN = 'secret-of-the-test';

/** A running server and a plain client of it. */
export interface Rig {
  readonly server: ApiServer;
  readonly url: string;
  readonly certificates: Certificates;
  readonly kubeconfig: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Reads a watch until `done` says so or the server ends it. */
  watch(
    path: string,
    done: (events: readonly Event[]) => boolean,
    headers?: Record<string, string>,
  ): Promise<readonly Event[]>;
  close(): Promise<void>;
}

let certificates: Promise<Certificates> | undefined;

export async function startRig(options: Partial<ApiServerOptions> = {}): Promise<Rig> {
  certificates ??= makeCertificates({ dns: ['localhost'], ips: ['127.0.0.1'] });
  const made = await certificates;
  const server = await startApiServer({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    tokens: new Map([[TOKEN, { user: 'tester', groups: ['system:masters'] }]]),
    tls: { cert: made.certPem, key: made.keyPem, ca: made.caPem },
    ...options,
  });
  const port = server.addresses[0]?.port ?? 0;
  const url = `https://127.0.0.1:${port}`;
  const agent = new Agent({ keepAlive: true, ca: made.caPem });
  const send = (method: string, path: string, body: unknown, headers: Record<string, string>) => {
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const call = request(`${url}${path}`, {
      method,
      agent,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(text === ''
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
        ...headers,
      },
    });
    call.end(text);
    return call;
  };
  return {
    server,
    url,
    certificates: made,
    kubeconfig: kubeconfigText({ server: url, caPem: made.caPem, token: TOKEN, name: 'test' }),
    call: (method, path, body, headers = {}) =>
      new Promise((resolve, reject) => {
        const call = send(method, path, body, headers);
        call.on('error', reject);
        call.on('response', async response => {
          let text = '';
          for await (const chunk of response) text += chunk;
          let parsed: Any;
          try {
            parsed = JSON.parse(text);
          } catch {
            parsed = undefined;
          }
          resolve({ code: response.statusCode ?? 0, body: parsed, text, headers: response.headers });
        });
      }),
    watch: (path, done, headers = {}) =>
      new Promise((resolve, reject) => {
        const events: Event[] = [];
        const call = send('GET', path, undefined, headers);
        call.on('error', cause => (done(events) ? resolve(events) : reject(cause)));
        call.on('response', async response => {
          let rest = '';
          try {
            for await (const chunk of response) {
              const lines = (rest + chunk).split('\n');
              rest = lines.pop() ?? '';
              for (const line of lines) events.push(JSON.parse(line));
              if (done(events)) break;
            }
          } catch (cause) {
            if (!done(events)) reject(cause);
          }
          call.destroy();
          resolve(events);
        });
        if (done(events)) call.destroy();
      }),
    async close() {
      agent.destroy();
      await server.close();
    },
  };
}

/** Asks until the answer is right; fails with the last answer after five seconds. */
export async function eventually<T>(ask: () => Promise<T>, right: (answer: T) => boolean): Promise<T> {
  const end = Date.now() + 5000;
  for (;;) {
    const answer = await ask();
    if (right(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`not in five seconds; the last answer was ${JSON.stringify(answer)}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
