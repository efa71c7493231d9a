import { createServer, type Server, Socket } from 'node:net';
import { formatIp, formatPrefix, mustIp } from '@muslin/net';
import type { Input, Output, PeerConfig, Speaker } from '../src/index.ts';

/** The smallest shell that performs a speaker's outputs with Node's sockets and timers; for tests only. */
export class Shell {
  readonly speaker: Speaker;
  readonly fib: Map<string, string> = new Map();
  readonly log: string[] = [];
  readonly #sockets = new Map<string, Socket>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #server: Server | undefined;
  #accepted = 0;

  constructor(speaker: Speaker) {
    this.speaker = speaker;
  }

  listen(address: string, port: number): Promise<void> {
    const server = createServer(socket => {
      const connection = `in-${++this.#accepted}`;
      this.#adopt(connection, socket);
      const [localIp, remoteIp] = [ipOf(socket.localAddress), ipOf(socket.remoteAddress)];
      this.tell({ kind: 'accepted', connection, localIp, remoteIp });
    });
    this.#server = server;
    return new Promise(resolve => server.listen({ host: address, port, backlog: 4096 }, resolve));
  }

  setPeer(config: PeerConfig): void {
    this.perform(this.speaker.setPeer(config, performance.now()));
  }

  tell(input: Input): void {
    this.perform(this.speaker.handle(input, performance.now()));
  }

  perform(outputs: readonly Output[]): void {
    for (const output of outputs) this.#performOne(output);
    const sent = new Set(outputs.flatMap(o => (o.kind === 'send' ? [o.connection] : [])));
    for (const connection of sent) {
      const bytes = this.#sockets.get(connection)?.writableLength;
      if (bytes !== undefined) this.tell({ kind: 'backlog', connection, bytes });
    }
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets.values()) socket.destroy();
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #performOne(output: Output): void {
    switch (output.kind) {
      case 'dial': {
        const socket = new Socket();
        this.#adopt(output.connection, socket);
        const { connection } = output;
        socket.once('connect', () =>
          this.tell({ kind: 'connected', connection, localIp: ipOf(socket.localAddress) }),
        );
        socket.connect({ host: formatIp(output.remoteIp), port: output.port });
        break;
      }
      case 'send':
        this.#sockets.get(output.connection)?.write(output.bytes);
        break;
      case 'close': {
        const socket = this.#sockets.get(output.connection);
        this.#sockets.delete(output.connection);
        if (socket?.connecting) socket.destroy();
        else socket?.end();
        break;
      }
      case 'setTimer':
        clearTimeout(this.#timers.get(output.id));
        this.#timers.set(
          output.id,
          setTimeout(
            () => this.tell({ kind: 'timer', id: output.id }),
            Math.max(0, output.at - performance.now()),
          ),
        );
        break;
      case 'clearTimer':
        clearTimeout(this.#timers.get(output.id));
        this.#timers.delete(output.id);
        break;
      case 'bestChanged':
        if (output.source === 'none') this.fib.delete(formatPrefix(output.prefix));
        else
          this.fib.set(
            formatPrefix(output.prefix),
            output.nextHops.map(hop => formatIp(hop.ip)).join(' ') || output.source,
          );
        break;
      case 'peerChanged':
        this.log.push(`${output.peer} ${output.state} ${output.reason ?? ''}`.trim());
        break;
      case 'converged':
        break;
      default:
        output satisfies never;
    }
  }

  #adopt(connection: string, socket: Socket): void {
    this.#sockets.set(connection, socket);
    let dialling = true;
    const mine = () => this.#sockets.get(connection) === socket;
    socket.setNoDelay(true);
    socket.on('connect', () => {
      dialling = false;
    });
    socket.on('data', (bytes: Uint8Array) => mine() && this.tell({ kind: 'bytes', connection, bytes }));
    socket.on(
      'drain',
      () => mine() && this.tell({ kind: 'backlog', connection, bytes: socket.writableLength }),
    );
    const gone = (message: string) => {
      if (!mine()) return;
      this.#sockets.delete(connection);
      this.tell({
        kind: dialling && connection.startsWith('out-') ? 'connectFailed' : 'closed',
        connection,
        message,
      });
    };
    socket.on('error', error => gone(error.message));
    socket.on('close', () => gone('the connection was closed'));
  }
}

function ipOf(text: string | undefined) {
  return mustIp((text ?? '').replace(/^::ffff:(?=\d+\.)/, ''));
}
