import type { Route } from '@muslin/dataplane';
import { formatIp, parseIp, parsePrefix } from '@muslin/net';
import { dumpTable, type SessionLog } from '@muslin/bgp';
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
    const asked = query.get('peer') ?? '';
    const ip = parseIp(asked);
    // A link-local peer is called by its interface, too: fe80::1%eth0.
    const id = ip.ok ? formatIp(ip.value) : asked;
    const known = program.peers().some(peer => peer.id === id);
    if (!known) return unknownPeer(query.get('peer'), program);
    return json(program.speaker?.[which](id) ?? []);
  };
  return {
    '/healthz': () => ({ kind: 'text', text: 'ok\n' }),
    '/metrics': async () => ({ kind: 'text', text: await metrics() }),
    '/v1/status': () => json(status()),
    '/v1/peers': () => json(program.peers()),
    '/v1/problems': () => json(program.problems.map(problemText)),
    '/v1/routes': () =>
      json(
        (['ipv4-unicast', 'ipv6-unicast'] as const).flatMap(family => program.speaker?.routes(family) ?? []),
      ),
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

function unknownPeer(asked: string | null, program: SpeakerProgram): Answer {
  const known = program.peers().map(peer => peer.id);
  const list = known.length === 0 ? 'this node has no peers' : `the peers are ${known.join(', ')}`;
  return { kind: 'mistake', message: `peer=${asked ?? ''} is no peer of this node: ${list}` };
}
