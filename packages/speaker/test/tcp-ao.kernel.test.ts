import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Input, Transport } from '@muslin/bgp';
import type { NetlinkSocket } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { afterEach, describe, expect, test } from 'vitest';
import { Connections } from '../src/connections.ts';

const HERE = mustIp('127.0.0.1');
const AO: Transport = { passwordKey: 's/k', auth: 'tcp-ao' };
const KEY = { peer: HERE, key: 'secret', auth: 'tcp-ao' } as const;
const closers: (() => unknown)[] = [];

function make() {
  const inputs: Input[] = [];
  const log: string[] = [];
  const connections = new Connections({
    // Only interfaces by name ask it.
    netlink: {} as NetlinkSocket,
    feed: input => inputs.push(input),
    transportOf: () => AO,
    log: line => log.push(line),
  });
  closers.push(() => connections.stop());
  return { connections, inputs, log };
}

/** A port where somebody listens who signs nothing. */
async function openPort(): Promise<number> {
  const server = createServer(socket => socket.destroy());
  closers.push(() => server.close());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('a session that must sign by TCP-AO (RFC 5925)', () => {
  test('is never made without it; a kernel that lacks it is named, and what to do', async () => {
    const port = await openPort();
    const { connections, inputs } = make();
    connections.setKeys([KEY]);
    const dial = {
      kind: 'dial',
      peer: 'p',
      connection: 'out-1',
      remoteIp: HERE,
      port,
      transport: AO,
    } as const;
    connections.dial(dial);
    await sleep(300);
    expect(inputs.map(({ kind }) => kind)).not.toContain('connected');
    for (const input of inputs) {
      expect(input).toMatchObject({
        kind: 'connectFailed',
        message: expect.stringMatching(
          /no TCP authentication option.*use a TCP MD5 password, or another kernel/,
        ),
      });
    }
    // The same call with MD5 is let through by the same kernel.
    expect((await dialPlain(port)).map(({ kind }) => kind)).toContain('connected');
  });

  test('is not given to a caller who signs nothing', async () => {
    const { connections, inputs, log } = make();
    const port = await openPort();
    await new Promise(resolve => setImmediate(resolve));
    for (const close of closers.splice(1)) await close();
    connections.setKeys([KEY]);
    await connections.listeners.follow({ ips: [HERE], port });
    const socket = connect(port, '127.0.0.1');
    closers.push(() => socket.destroy());
    socket.on('error', () => {});
    await sleep(300);
    expect(inputs).toEqual([]);
    for (const line of log) expect(line).toMatch(/^TCP-AO for 127\.0\.0\.1 can't be set: this kernel has no/);
  });
});

async function dialPlain(port: number): Promise<readonly Input[]> {
  const { connections, inputs } = make();
  connections.dial({ kind: 'dial', peer: 'p', connection: 'out-2', remoteIp: HERE, port, transport: {} });
  await sleep(200);
  return inputs;
}
