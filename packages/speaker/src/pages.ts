import type { Route } from '@muslin/dataplane';
import { fail, formatIp, ok, parseIp, parsePrefix, type Result } from '@muslin/net';
import { dumpTable, type RouteWindow, type SessionLog } from '@muslin/bgp';
import { follow, inPieces } from './byte-stream.ts';
import { fibState } from './core/fib-state.ts';
import { problemText } from './core/problem.ts';
import { readable } from './readable.ts';
import type { SpeakerProgram } from './speaker-program.ts';
import type { Answer, Pages } from './status-socket.ts';

/** What the pages show. */
export interface PagesView {
  readonly sessionLog: SessionLog;
  readonly program: SpeakerProgram;
  /** Whole status, with `node`, `started` and `staleSince`. */
  readonly status: () => object;
  readonly metrics: () => Promise<string>;
  /** The routes of the kernel now; undefined when they can't be read. */
  readonly kernel: () => Promise<readonly Route[] | undefined>;
}

const json = (value: unknown): Answer => ({ kind: 'json', value: readable(value) });

/** What the speaker answers on its socket. */
export function pagesOf({ program, sessionLog, status, metrics, kernel }: PagesView): Pages {
  const routes = (which: 'received' | 'advertised') => (query: URLSearchParams) => {
    const id = peerOf(query);
    const known = program.peers().some(peer => peer.id === id);
    if (!known) return unknownPeer(query.get('peer'), program);
    const window = windowOf(query);
    return window.ok ? json(program.speaker?.[which](id, window.value) ?? []) : window.fault;
  };
  return {
    '/healthz': () => ({ kind: 'text', text: 'ok\n' }),
    '/metrics': async () => ({ kind: 'text', text: await metrics() }),
    '/v1/status': () => json(status()),
    '/v1/peers': () => json(program.peers()),
    '/v1/peer': query => {
      const id = peerOf(query);
      const found = program.peers().find(peer => peer.id === id);
      return found === undefined ? unknownPeer(query.get('peer'), program) : json(found);
    },
    '/v1/problems': () => json(program.problems.map(problemText)),
    '/v1/routes': query => {
      const window = windowOf(query);
      return window.ok ? json(bestRoutes(program, window.value)) : window.fault;
    },
    '/v1/received': routes('received'),
    '/v1/advertised': routes('advertised'),
    '/v1/dump': () => {
      const { speaker, desired } = program;
      if (speaker === undefined || desired === undefined)
        return { kind: 'mistake', message: 'this node speaks no BGP yet' };
      const { routerId, asNumber } = desired;
      const seconds = Math.floor(Date.now() / 1000);
      return { kind: 'stream', chunks: inPieces(dumpTable(speaker, { routerId, asNumber, seconds })) };
    },
    '/v1/updates': () => ({ kind: 'stream', chunks: follow(sessionLog) }),
    '/v1/explain': async query => {
      const prefix = parsePrefix(query.get('prefix') ?? '');
      if (!prefix.ok) return { kind: 'mistake', message: `prefix: ${prefix.fault.message}` };
      const key = readable(prefix.value) as string;
      const refused = program.fib.refused.get(key);
      return json({
        ...(program.speaker?.explain(prefix.value) ?? {}),
        ...(refused === undefined ? {} : { refusedByKernel: refused }),
        fib: fibState(prefix.value, (await kernel()) ?? [], refused),
      });
    },
  };
}

function peerOf(query: URLSearchParams): string {
  const asked = query.get('peer') ?? '';
  const ip = parseIp(asked);
  // A link-local peer is called by its interface, too: fe80::1%eth0.
  return ip.ok ? formatIp(ip.value) : asked;
}

/** `after=PREFIX` and `most=N` ask for a part of a list. */
function windowOf(query: URLSearchParams): Result<RouteWindow, Answer> {
  const [from, most] = [query.get('after'), Number(query.get('most') ?? Number.POSITIVE_INFINITY)];
  if (!(most >= 1)) return fail({ kind: 'mistake', message: 'most: must be a number of at least 1' });
  if (from === null) return ok({ most });
  const after = parsePrefix(from);
  return after.ok
    ? ok({ after: after.value, most })
    : fail({ kind: 'mistake', message: `after: ${after.fault.message}` });
}

function bestRoutes({ speaker }: SpeakerProgram, { after, most = Number.POSITIVE_INFINITY }: RouteWindow) {
  if (speaker === undefined) return [];
  const first =
    after?.ip.family === 6
      ? []
      : speaker.routes('ipv4-unicast', { most, ...(after !== undefined && { after }) });
  if (first.length >= most) return first;
  const rest = { most: most - first.length, ...(after?.ip.family === 6 && { after }) };
  return [...first, ...speaker.routes('ipv6-unicast', rest)];
}

function unknownPeer(asked: string | null, program: SpeakerProgram): Answer {
  const known = program.peers().map(peer => peer.id);
  const list = known.length === 0 ? 'this node has no peers' : `the peers are ${known.join(', ')}`;
  return { kind: 'mistake', message: `peer=${asked ?? ''} is no peer of this node: ${list}` };
}
