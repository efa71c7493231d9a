import { Socket } from 'node:net';
import { openNamespace, tcpSocketIn } from '@muslin/linux';
import { probe } from '../../packages/lab/src/probe.ts';
import { until } from '../../packages/lab/src/until.ts';

/** A way between two pods. */
export interface Way {
  readonly netns: string;
  readonly ip: string;
  readonly port: number;
}

/** What happened while it ran. */
export interface Witness {
  /** Tries of new connections. */
  readonly tries: number;
  /** Of the allowed way: new connections that failed. */
  readonly cut: readonly string[];
  /** Of the forbidden way: connections that came through. */
  readonly leaked: readonly string[];
  /** Answers on the connection that was open all the time. */
  readonly echoes: number;
  /** Whether the open connection ended. */
  readonly broken: boolean;
}

/** How long an allowed connection may take before it counts as cut: far above what a busy machine needs. */
const PATIENCE_MS = 3_000;
/** A forbidden connection that is not answered by then is one more proof of silence. */
const SILENCE_MS = 250;

/** Tries, and answers on the open connection, that a watch shows at least where all is well. */
const ENOUGH = 10;

/**
 * Opens new connections on an allowed and a forbidden way all the time, and keeps one connection open, until `stop`.
 */
export async function watchTraffic(allowed: Way, forbidden: Way): Promise<{ stop(): Promise<Witness> }> {
  const cut: string[] = [];
  const leaked: string[] = [];
  let tries = 0;
  let running = true;
  const open = await holdOpen(allowed);
  const loop = async (way: Way, judge: (outcome: string) => void, timeoutMs: number) => {
    while (running) {
      const seen = await probe({ ...way, protocol: 'TCP' }, timeoutMs);
      tries++;
      judge(seen.outcome);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  };
  const started = performance.now();
  const at = () => `${Math.round(performance.now() - started)} ms`;
  const loops = [
    loop(allowed, outcome => outcome !== 'open' && cut.push(`${outcome} after ${at()}`), PATIENCE_MS),
    loop(forbidden, outcome => outcome === 'open' && leaked.push(`after ${at()}`), SILENCE_MS),
  ];
  return {
    async stop() {
      // What was watched may be over sooner than a connection has shown that it lives on.
      await until(
        async () => Math.min(tries, open.echoes()),
        shown => shown > ENOUGH,
        PATIENCE_MS,
        10,
      );
      running = false;
      await Promise.all(loops);
      return { tries, cut, leaked, ...open.end() };
    },
  };
}

interface OpenConnection {
  echoes(): number;
  end(): { readonly echoes: number; readonly broken: boolean };
}

async function holdOpen(way: Way): Promise<OpenConnection> {
  const opened = openNamespace(way.netns);
  if (!opened.ok) throw new Error(opened.fault.message);
  using namespace = opened.value;
  const fd = tcpSocketIn(namespace, 4);
  if (!fd.ok) throw new Error(fd.fault.message);
  const socket = new Socket({ fd: fd.value });
  let echoes = 0;
  let broken = false;
  socket.on('data', () => echoes++);
  socket.on('error', () => {
    broken = true;
  });
  socket.on('close', () => {
    broken = true;
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(way.port, way.ip, resolve);
  });
  const timer = setInterval(() => socket.write('still here\n'), 100);
  return {
    echoes: () => echoes,
    end() {
      clearInterval(timer);
      const result = { echoes, broken };
      socket.removeAllListeners('close');
      socket.destroy();
      return result;
    },
  };
}
