import { createServer, type Socket } from 'node:net';
import { DEVICE_AS, DEVICE_IP } from './device.ts';

/**
 * The least that a program can do between two sessions under Node: it says OPEN and KEEPALIVE, reads nothing of what it is
 * told, and writes the octets to everybody else. What it takes for one announcement, no speaker in JavaScript can beat.
 */
const MARKER = new Array<number>(16).fill(255);
const KEEPALIVE = Uint8Array.from([...MARKER, 0, 19, 4]);
const as = [DEVICE_AS >> 8, DEVICE_AS & 255];
const body = [
  ...[4, ...as, 0, 180, ...DEVICE_IP.split('.').map(Number)],
  ...[14, 2, 12, 1, 4, 0, 1, 0, 1, 65, 4, 0, 0, ...as],
];
const OPEN = Uint8Array.from([...MARKER, 0, 19 + body.length, 1, ...body]);

const sessions = new Set<Socket>();
createServer({ noDelay: true }, socket => {
  let opened = false;
  sessions.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => sessions.delete(socket));
  socket.on('data', (bytes: Buffer) => {
    if (!opened) {
      opened = true;
      socket.write(OPEN);
      socket.write(KEEPALIVE);
    } else if (bytes.length !== KEEPALIVE.length)
      for (const other of sessions) if (other !== socket) other.write(bytes);
  });
}).listen(179, DEVICE_IP);
