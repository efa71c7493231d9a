import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { openNamespace, tcpListenIn, udpSocketIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';

/** A container port to answer on. */
export interface EchoPort {
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
}

/** Running servers of one pod. */
export interface EchoServers {
  /** Ports that could not be opened, with the reason. */
  readonly refused: readonly string[];
  close(): void;
}

const HTTP = /^(GET|HEAD|POST|PUT|OPTIONS) \S+ HTTP\/1\.[01]\r?\n/;

/**
 * Opens each port of each address inside the pod's namespace and answers: TCP and UDP send back what they got; a client that
 * speaks HTTP gets the pod's name as a page, since people try `curl` first.
 */
export function startEchoServers(
  netns: string,
  podName: string,
  ports: readonly EchoPort[],
  addresses: readonly string[] = ['0.0.0.0'],
): EchoServers {
  const servers: (Server | UdpSocket)[] = [];
  const refused: string[] = [];
  const opened = openNamespace(netns);
  if (!opened.ok) return { refused: [opened.fault.message], close: () => {} };
  using namespace = opened.value;
  const doors = addresses.flatMap(address => ports.map(port => ({ ...port, ip: mustIp(address) })));
  for (const { protocol, port, ip } of doors) {
    const open = protocol === 'TCP' ? tcpListenIn : udpSocketIn;
    const fd = open(namespace, ip, port);
    if (!fd.ok) {
      refused.push(`${port}/${protocol}: ${fd.fault.message}`);
      continue;
    }
    servers.push(protocol === 'TCP' ? echoTcp(fd.value, podName) : echoUdp(fd.value, ip.family));
  }
  const sockets = servers;
  return {
    refused,
    close: () => {
      for (const server of sockets) server.close();
    },
  };
}

function echoTcp(fd: number, podName: string): Server {
  const open = new Set<Socket>();
  const server = createServer(socket => {
    open.add(socket);
    socket.setTimeout(600_000, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      if (!HTTP.test(chunk.toString('latin1'))) socket.write(chunk);
      else {
        const body = `${podName}\n`;
        socket.end(
          `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        );
      }
    });
  });
  server.on('error', () => {});
  server.on('close', () => {
    for (const socket of open) socket.destroy();
  });
  server.listen({ fd });
  const close = server.close.bind(server);
  server.close = callback => {
    for (const socket of open) socket.destroy();
    return close(callback);
  };
  return server;
}

function echoUdp(fd: number, family: 4 | 6): UdpSocket {
  const socket = createSocket(`udp${family}`);
  socket.on('error', () => {});
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind({ fd });
  return socket;
}
