import { createSocket, type Socket } from 'node:dgram';
import { openNamespace, udpSocketIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';

/** A datagram socket in a namespace that sends without asking and remembers who got through to it. */
export interface PacketWitness {
  /** Texts of the datagrams that arrived. */
  readonly heard: readonly string[];
  /** Sends one; what the kernel answers does not matter. */
  send(ip: string, port: number, text: string): void;
  close(): void;
}

/** Opens a witness. One way suffices to be heard: no answer has to find its way back. Throws when it can't. */
export async function openWitness(netns: string, port: number): Promise<PacketWitness> {
  const opened = openNamespace(netns);
  if (!opened.ok) throw new Error(opened.fault.message);
  using namespace = opened.value;
  const fd = udpSocketIn(namespace, mustIp('0.0.0.0'), port);
  if (!fd.ok) throw new Error(fd.fault.message);
  const socket: Socket = createSocket('udp4');
  const heard: string[] = [];
  // Unreachable, or refused by policy: both are silence.
  socket.on('error', () => {});
  socket.on('message', message => heard.push(message.toString()));
  await new Promise<void>(resolve => socket.bind({ fd: fd.value }, resolve));
  return {
    heard,
    send: (ip, to, text) => socket.send(text, to, ip, () => {}),
    close: () => socket.close(),
  };
}
