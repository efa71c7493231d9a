import { Agent, request } from 'node:https';
import type { Any, RawAnswer } from './question.ts';

/** A server that questions are put to. */
export interface Server {
  ask(call: Call): Promise<RawAnswer>;
  close(): void;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly events: number | undefined;
}

/** @param url `https://host:port`; @param ca what its certificate is held to; without, it is taken as it is */
export function serverAt(url: string, token?: string, ca?: string): Server {
  const agent = new Agent({
    keepAlive: true,
    ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
  });
  return {
    close: () => agent.destroy(),
    ask: call =>
      new Promise((resolve, reject) => {
        const text = textOf(call.body);
        const sent = request(`${url}${call.path}`, {
          method: call.method,
          agent,
          headers: {
            'user-agent': 'oracle/1',
            accept: 'application/json',
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...(text !== '' && {
              'content-type': 'application/json',
              'content-length': String(Buffer.byteLength(text)),
            }),
            ...call.headers,
          },
        });
        sent.on('error', reject);
        sent.on('response', response => {
          const { statusCode = 0, headers } = response;
          let read = '';
          const done = () => {
            const lines = read.split('\n').filter(line => line !== '');
            resolve({
              code: statusCode,
              contentType: headers['content-type'] ?? '',
              warnings: [headers['warning'] ?? []].flat().flatMap(line => splitWarnings(line)),
              body: parsed(read),
              text: read,
              ...(call.events !== undefined && statusCode === 200 && { events: lines.map(parsed) }),
            });
          };
          response.on('data', chunk => {
            read += chunk;
            if (call.events === undefined || read.split('\n').length <= call.events) return;
            done();
            response.destroy();
          });
          response.on('end', done);
          response.on('error', reject);
        });
        sent.end(text);
      }),
  };
}

function textOf(body: unknown): string {
  if (body === undefined) return '';
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** Several warnings may share one header line (RFC 7230 §3.2.2). */
function splitWarnings(line: string): string[] {
  return line.split(/, (?=299 - ")/);
}

function parsed(text: string): Any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
