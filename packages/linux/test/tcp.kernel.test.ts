import type { Socket } from 'node:net';
import {
  type DialPlan,
  hearNow,
  limitHops,
  socketFd,
  systemCalls,
  tcpLosses,
  type TcpListener,
  TcpTransport,
  writeNow,
} from '@muslin/linux';
import { type Ip, mustIp, mustPrefix } from '@muslin/net';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { faultOf, join, must, rooms, until } from './sandbox.ts';

const [[a, b], close] = rooms(2);
join(a, b);
const dialler = new TcpTransport(a.namespace);
const listening = new TcpTransport(b.namespace);
const open: { close?(): Promise<void>; destroy?(): void }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) {
    each.destroy?.();
    if (each.destroy === undefined) await each.close?.();
  }
});
afterAll(close);

async function listen(
  ip: string,
  options: { link?: string; dualStack?: boolean } = {},
): Promise<TcpListener & { readonly accepted: Socket[] }> {
  const accepted: Socket[] = [];
  const listener = must(
    await listening.listen(
      mustIp(ip),
      0,
      socket => {
        accepted.push(socket);
        open.push(socket);
        socket.on('error', () => {});
        socket.write(`hello ${socket.remoteAddress}`);
      },
      options,
    ),
  );
  open.push({ close: listener.close });
  return { ...listener, accepted };
}

/** What happens to a call within `ms`: the first words of the listener, an error code, or silence. */
async function call(plan: DialPlan, ms = 5000): Promise<string> {
  const socket = must(dialler.dial(plan));
  open.push(socket);
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve('silence'), ms);
    const done = (words: string) => {
      clearTimeout(timer);
      resolve(words);
    };
    socket.on('data', data => done(`${data}`));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
  });
}

const addresses: readonly (readonly [string, Ip, Ip])[] = [
  ['IPv4', mustIp('10.0.0.1'), mustIp('10.0.0.2')],
  ['IPv6', mustIp('fd00::1'), mustIp('fd00::2')],
];
const text = (ip: Ip) => (ip.family === 4 ? '10.0.0.2' : 'fd00::2');
const back = (ip: Ip) => `hello ${ip.family === 4 ? '10.0.0.1' : 'fd00::1'}`;

describe.each(addresses)('%s', (_, source, peer) => {
  test('a call reaches the listener, from the wanted source address', async () => {
    const { port, accepted } = await listen(text(peer));
    expect(await call({ peer, port, source })).toBe(back(source));
    expect(accepted[0]?.remoteAddress).toBe(back(source).slice(6));
  });

  test('a listener closes at once, whoever has called; nobody new gets through', async () => {
    const { port, accepted, close } = await listen(text(peer));
    expect(await call({ peer, port, source })).toBe(back(source));
    await close();
    expect(accepted[0]?.readyState).toBe('open');
    expect(await call({ peer, port, source })).toBe('ECONNREFUSED');
  });

  test('TCP MD5 (RFC 2385): the right key connects; a wrong one, none, or one too many is silence', async () => {
    const listener = await listen(text(peer));
    const { port } = listener;
    must(listener.setKey({ peer: source, key: 'secret' }));
    expect(await call({ peer, port, source, md5: 'secret' })).toBe(back(source));
    expect(await call({ peer, port, source, md5: 'wrong' }, 400)).toBe('silence');
    expect(await call({ peer, port, source }, 400)).toBe('silence');
    must(listener.setKey({ peer: source, key: 'rotated' }));
    expect(await call({ peer, port, source, md5: 'rotated' })).toBe(back(source));
    must(listener.removeKey({ peer: source }));
    expect(await call({ peer, port, source })).toBe(back(source));
    expect(await call({ peer, port, source, md5: 'secret' }, 400)).toBe('silence');
    expect(faultOf(listener.removeKey({ peer: source }))).toMatchObject({ code: 'ENOENT' });
  });

  test('a key for a whole prefix serves every peer of it', async () => {
    const listener = await listen(text(peer));
    const all = mustPrefix(source.family === 4 ? '10.0.0.0/24' : 'fd00::/64');
    must(listener.setKey({ peer: all, key: 'everyone' }));
    expect(await call({ peer, port: listener.port, source, md5: 'everyone' })).toBe(back(source));
    expect(await call({ peer, port: listener.port, source }, 400)).toBe('silence');
  });

  test('a key is neither too long nor cut short', async () => {
    const listener = await listen(text(peer));
    const longest = 'x'.repeat(80);
    must(listener.setKey({ peer: source, key: longest }));
    expect(await call({ peer, port: listener.port, source, md5: longest })).toBe(back(source));
    expect(await call({ peer, port: listener.port, source, md5: longest.slice(1) }, 400)).toBe('silence');
    expect(faultOf(listener.setKey({ peer: source, key: `${longest}x` }))).toMatchObject({
      message: expect.stringContaining('at most 80'),
    });
  });

  test('GTSM (RFC 5082): packets that came from further away are dropped', async () => {
    const { port, accepted } = await listen(text(peer));
    expect(await call({ peer, port, source, ttl: 255, minimumTtl: 1 })).toBe(back(source));
    // The listener sends with the default of 64: too far away for a dialler that insists on 255.
    expect(await call({ peer, port, source, ttl: 255, minimumTtl: 255 }, 400)).toBe('silence');
    expect(tcpLosses(socketFd(open.at(-1) as Socket) ?? -1)).toEqual({
      ...{ dropped: expect.toSatisfy(n => n > 0), stopped: false },
    });
    const near = accepted[0] ?? expect.fail('nobody called');
    must(limitHops(near, { ttl: 255, minimumTtl: 255 }));
    const dropped = await listen(text(peer));
    const far = must(dialler.dial({ peer, port: dropped.port, source, ttl: 64 }));
    open.push(far);
    await until(() => dropped.accepted.length === 1);
    const server = dropped.accepted[0] ?? expect.fail('nobody called');
    let heard = '';
    server.on('data', data => {
      heard += `${data}`;
    });
    far.write('one');
    await until(() => heard === 'one');
    must(limitHops(server, { minimumTtl: 255 }));
    far.write('two');
    await new Promise(resolve => setTimeout(resolve, 150));
    expect(heard).toBe('one');
    must(limitHops(server, { minimumTtl: 64 }));
    await until(() => heard === 'onetwo');
  });

  test('TCP-AO (RFC 5925) is refused clearly where the kernel lacks it, and never falls back to nothing', async () => {
    const { port } = await listen(text(peer));
    const dialled = dialler.dial({ peer, port, source, ao: { key: 'secret', sendId: 1, receiveId: 1 } });
    const calls = systemCalls();
    const probe = calls.socket(2, 1, 0);
    const kernelHasIt = calls.setSocketOption(probe, 6, 38, new Uint8Array(8)) !== -92;
    calls.close(probe);
    expect(kernelHasIt).toBe(dialled.ok);
    if (dialled.ok) dialled.value.destroy();
    else
      expect(dialled.fault).toMatchObject({
        code: 'ENOPROTOOPT',
        message: expect.stringContaining('CONFIG_TCP_AO'),
      });
    expect(faultOf(dialler.dial({ peer, port, ao: { key: '', sendId: 1, receiveId: 1 } })).message).toContain(
      '1 to 80 bytes',
    );
  });

  test('nobody listening is an error of the socket', async () => {
    expect(await call({ peer, port: 1, source })).toBe('ECONNREFUSED');
  });
});

test('on a dual-stack listener an IPv4 peer is keyed by its mapped address', async () => {
  const listener = await listen('::', { dualStack: true });
  const [, [, source, peer]] = [0, addresses[0] as (typeof addresses)[0]];
  must(listener.setKey({ peer: source, key: 'mapped' }));
  expect(await call({ peer, port: listener.port, source, md5: 'mapped' })).toBe('hello ::ffff:10.0.0.1');
  expect(await call({ peer, port: listener.port, source }, 400)).toBe('silence');
  must(listener.removeKey({ peer: source }));
  must(listener.setKey({ peer: mustPrefix('10.0.0.0/24'), key: 'prefix' }));
  expect(await call({ peer, port: listener.port, source, md5: 'prefix' })).toBe('hello ::ffff:10.0.0.1');
  expect(await call({ peer: mustIp('fd00::2'), port: listener.port, source: mustIp('fd00::1') })).toBe(
    'hello fd00::1',
  );
});

test('IPv6 link-local peers are called over an interface, keyed too (unnumbered BGP)', async () => {
  const local = (room: typeof a): string =>
    room
      .ip('-6', 'addr', 'show', 'dev', 'v0', 'scope', 'link')[0]
      .addr_info.find((info: { local?: string }) => info.local)?.local;
  await until(
    () =>
      !a.run('ip', '-6', 'addr', 'show', 'tentative').includes('fe80') &&
      !b.run('ip', '-6', 'addr', 'show', 'tentative').includes('fe80'),
  );
  const [source, peer] = [mustIp(local(a)), mustIp(local(b))];
  const listener = await listen(local(b), { link: 'v0' });
  expect(await call({ peer, port: listener.port, source, link: 'v0' })).toContain('hello fe80::');
  const scope = a.ip('link', 'show', 'v0')[0].ifindex;
  expect(await call({ peer, port: listener.port, source, scope })).toContain('hello fe80::');
  expect(faultOf(dialler.dial({ peer, port: 1, scope: 4242 }))).toMatchObject({ code: 'ENODEV' });
  must(listener.setKey({ peer: source, key: 'local' }));
  expect(await call({ peer, port: listener.port, source, link: 'v0', md5: 'local' })).toContain(
    'hello fe80::',
  );
  expect(await call({ peer, port: listener.port, source, link: 'v0', md5: 'other' }, 400)).toBe('silence');
});

test('faults name the call: a source that is not ours, a port that is taken, a socket that is closed', async () => {
  expect(
    faultOf(dialler.dial({ peer: mustIp('10.0.0.2'), port: 1, source: mustIp('192.0.2.9') })),
  ).toMatchObject({
    code: 'EADDRNOTAVAIL',
    call: 'bind',
  });
  const { port, accepted } = await listen('10.0.0.2');
  expect(faultOf(await listening.listen(mustIp('10.0.0.2'), port, () => {}))).toMatchObject({
    code: 'EADDRINUSE',
  });
  expect(await call({ peer: mustIp('10.0.0.2'), port })).toContain('hello');
  const socket = accepted[0] ?? expect.fail('nobody called');
  expect(socketFd(socket)).toBeGreaterThan(2);
  socket.destroy();
  expect(socketFd(socket)).toBeUndefined();
  expect(faultOf(limitHops(socket, { ttl: 1 }))).toMatchObject({ code: 'EBADF' });
});

test('octets that are written at once arrive in order, also when the kernel takes a part or nothing of them', async () => {
  const listener = await listen('10.0.0.2');
  const socket = must(dialler.dial({ peer: mustIp('10.0.0.2'), port: listener.port }));
  open.push(socket);
  await new Promise(resolve => socket.once('data', resolve));
  const [peer] = listener.accepted as [Socket];
  const fd = socketFd(socket) as number;
  const sent: Buffer[] = [];
  let waited = 0;
  // Nobody reads meanwhile, so that the buffers fill up.
  for (let i = 0; i < 400; i++) {
    const bytes = Buffer.alloc(1 + ((i * 7919) % 60_000), i);
    sent.push(bytes);
    writeNow(socket, fd, bytes);
    if (socket.writableLength > 0) waited++;
  }
  expect(waited).toBeGreaterThan(0);
  expect(waited).toBeLessThan(400);
  const wanted = Buffer.concat(sent);
  const heard: Buffer[] = [];
  let octets = 0;
  peer.on('data', (bytes: Buffer) => {
    heard.push(bytes);
    octets += bytes.length;
  });
  await until(() => octets === wanted.length);
  expect(Buffer.concat(heard).equals(wanted)).toBe(true);
  writeNow(socket, fd, Buffer.of(42));
  await until(() => octets === wanted.length + 1);
});

test('a socket that hears at once is told every octet in order and its end, whether it called or was called', async () => {
  const heard = { called: [] as Uint8Array[], caller: [] as Uint8Array[] };
  const sides: Socket[] = [];
  const listener = must(
    await listening.listen(mustIp('10.0.0.2'), 0, accepted => {
      const socket = must(hearNow(accepted, bytes => heard.called.push(bytes.slice())));
      sides.push(socket);
      open.push(socket);
    }),
  );
  open.push({ close: listener.close });
  const plan = { peer: mustIp('10.0.0.2'), port: listener.port };
  const socket = must(dialler.dial(plan, bytes => heard.caller.push(bytes.slice())));
  open.push(socket);
  await until(() => sides.length === 1);
  const [called] = sides as [Socket];
  expect(called.remoteAddress).toBe('10.0.0.1');
  const said = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i * 31 + (i >> 8)));
  for (const [from, at] of [
    [socket, heard.called],
    [called, heard.caller],
  ] as const) {
    for (let i = 0; i < said.length; i += 1 + (i % 9000)) from.write(said.subarray(i, i + 1 + (i % 9000)));
    await until(() => Buffer.concat(at).length === said.length);
    expect(Buffer.concat(at).equals(said)).toBe(true);
  }
  // Read no further than asked for.
  called.pause();
  socket.write('later');
  await new Promise(resolve => socket.write('', resolve));
  const before = heard.called.length;
  called.resume();
  await until(() => heard.called.length > before);
  expect(Buffer.from(heard.called.at(-1) as Uint8Array).toString()).toBe('later');
  const ends = [
    new Promise(resolve => called.once('end', resolve)),
    new Promise(resolve => called.once('close', resolve)),
  ];
  socket.end();
  await Promise.all(ends);
  expect(socketFd(called)).toBeUndefined();
});

test('a connection whose socket is gone already is not heard', async () => {
  const listener = await listen('10.0.0.2');
  const socket = must(dialler.dial({ peer: mustIp('10.0.0.2'), port: listener.port }));
  socket.destroy();
  expect(faultOf(hearNow(socket, () => {}))).toMatchObject({ code: 'EBADF' });
});

test("writing at once to a socket that is gone is the socket's fault, as always", async () => {
  const listener = await listen('10.0.0.2');
  const socket = must(dialler.dial({ peer: mustIp('10.0.0.2'), port: listener.port }));
  open.push(socket);
  await new Promise(resolve => socket.once('data', resolve));
  const gone = new Promise(resolve => socket.once('close', resolve));
  const fd = socketFd(socket) as number;
  socket.on('error', () => {});
  (listener.accepted[0] as Socket).resetAndDestroy();
  await gone;
  expect(() => writeNow(socket, fd, Buffer.of(1))).not.toThrow();
});

test('what the own firewall drops is told from what waits for a neighbour, or is lost at the other end', async () => {
  const walled = { peer: mustIp('10.0.0.2'), port: 7 };
  const dial = (plan: DialPlan) => {
    const socket = must(dialler.dial(plan));
    open.push(socket);
    socket.on('error', () => {});
    return () => tcpLosses(socketFd(socket) ?? -1)?.stopped;
  };
  a.run('iptables', '-A', 'OUTPUT', '-p', 'tcp', '--dport', '7', '-j', 'DROP');
  b.run('iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', '9', '-j', 'DROP');
  // All were tried again when the one is known that was begun last.
  const [absent, lost] = [dial({ peer: mustIp('10.0.0.77'), port: 179 }), dial({ ...walled, port: 9 })];
  const stopped = dial(walled);
  await until(() => stopped() === true);
  expect([absent(), lost()]).not.toContain(true);
  a.run('iptables', '-F', 'OUTPUT');
  b.run('iptables', '-F', 'INPUT');
});
