import { createSocket } from 'node:dgram';
import { text } from 'node:stream/consumers';

/** Runs inside a network namespace: sends each datagram of stdin (JSON) and says what the kernel answered. */
interface Datagram {
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
}

async function send(datagram: Datagram): Promise<string> {
  const socket = createSocket({ type: datagram.src.includes(':') ? 'udp6' : 'udp4', reuseAddr: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: datagram.src, port: datagram.sport }, resolve);
    });
    return await new Promise(resolve => {
      socket.send('x', datagram.dport, datagram.dst, error => {
        resolve(error === null ? 'sent' : ((error as NodeJS.ErrnoException).code ?? error.message));
      });
    });
  } finally {
    socket.close();
  }
}

const answers: string[] = [];
for (const datagram of JSON.parse(await text(process.stdin)) as readonly Datagram[])
  answers.push(await send(datagram));
process.stdout.write(JSON.stringify(answers));
