import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DelQueue } from '../src/cni/del-queue.ts';
import { PendingReleases } from '../src/ipam/pending-releases.ts';
import { type Sandbox, SandboxStore } from '../src/pod/sandbox-store.ts';
import { freshFolder } from './folder.ts';

const [MOUNT, UNMOUNT, MAKE_PIPE] = ['mount', 'umount', 'mkfifo'];
const root = freshFolder();
let count = 0;
const next = () => `${root}/${count++}`;

const SANDBOX: Sandbox = {
  containerId: 'c1',
  ifname: 'eth0',
  netns: '/run/netns/p',
  network: 'k8s-pod-network',
  hostInterface: 'msl0123456789a',
  pod: { namespace: 'shop', name: 'web', uid: 'u1' },
  ips: ['10.0.0.7'],
  podMac: '02:00:00:00:00:01',
  mtu: 1500,
  state: 'ready',
};

describe('sandboxes on disk', () => {
  test('come back after a restart, and go when they are deleted', () => {
    const folder = next();
    const store = new SandboxStore(folder);
    const other: Sandbox = { ...SANDBOX, containerId: 'c2', state: 'adding', ips: [] };
    store.put(SANDBOX);
    store.put(other);
    store.put({ ...SANDBOX, mtu: 9000 });
    expect(new SandboxStore(folder).all()).toEqual([{ ...SANDBOX, mtu: 9000 }, other]);
    store.delete('c1', 'eth0');
    store.delete('c1', 'eth0');
    expect(new SandboxStore(folder).all()).toEqual([other]);
    expect(store.get('c1', 'eth0')).toBeUndefined();
    expect(store.ofContainer('c2')).toEqual([other]);
  });

  test('a container and an interface never mix up with others that read alike', () => {
    const folder = next();
    const store = new SandboxStore(folder);
    store.put({ ...SANDBOX, containerId: 'a', ifname: 'b-c' });
    store.put({ ...SANDBOX, containerId: 'a-b', ifname: 'c' });
    expect(new SandboxStore(folder).all()).toHaveLength(2);
  });

  test('killed between two states, it is in the later one, and one file is left', () => {
    const states = ['adding', 'ready', 'leaving'] as const;
    for (const [i, from] of states.entries())
      for (const to of states.slice(i + 1)) {
        const folder = next();
        new SandboxStore(folder).put({ ...SANDBOX, state: from });
        const [file = ''] = readdirSync(folder);
        const before = readFileSync(`${folder}/${file}`, 'utf8');
        new SandboxStore(folder).put({ ...SANDBOX, state: to });
        // The older file would have gone next.
        writeFileSync(`${folder}/${file}`, before);
        expect(new SandboxStore(folder).all()).toEqual([{ ...SANDBOX, state: to }]);
        expect(readdirSync(folder)).toHaveLength(1);
        const again = new SandboxStore(folder);
        again.delete(SANDBOX.containerId, SANDBOX.ifname);
        expect(readdirSync(folder)).toEqual([]);
      }
  });

  test('killed while the next state was written, it is in the state before, and one file is left', () => {
    const states = ['adding', 'ready', 'leaving'] as const;
    for (const [i, from] of states.entries())
      for (const to of states.slice(i + 1)) {
        const [folder, other] = [next(), next()];
        new SandboxStore(folder).put({ ...SANDBOX, state: from });
        const files = readdirSync(folder);
        new SandboxStore(other).put({ ...SANDBOX, state: to });
        const [file = ''] = readdirSync(other);
        const whole = readFileSync(`${other}/${file}`, 'utf8');
        for (let length = 0; length < whole.length; length += 7) {
          writeFileSync(`${folder}/${file}`, whole.slice(0, length));
          expect(new SandboxStore(folder).all()).toEqual([{ ...SANDBOX, state: from }]);
          expect(readdirSync(folder)).toEqual(files);
        }
      }
  });

  test('a write that was killed anywhere leaves the version before', () => {
    const folder = next();
    new SandboxStore(folder).put(SANDBOX);
    const [file = ''] = readdirSync(folder);
    const whole = readFileSync(`${folder}/${file}`, 'utf8');
    // Killed while the new version was written: it has another name until it is whole.
    for (let length = 0; length <= whole.length; length += 7) {
      writeFileSync(`${folder}/${file}.new`, whole.slice(0, length));
      const store = new SandboxStore(folder);
      expect(store.all()).toEqual([SANDBOX]);
      expect(readdirSync(folder)).toEqual([file]);
    }
  });

  test('half files and foreign files are no sandboxes', () => {
    const folder = next();
    new SandboxStore(folder).put(SANDBOX);
    const [file = ''] = readdirSync(folder);
    const size = readFileSync(`${folder}/${file}`).length;
    for (const length of [size - 1, size >> 1, 1, 0]) {
      truncateSync(`${folder}/${file}`, length);
      expect(new SandboxStore(folder).all()).toEqual([]);
      writeFileSync(`${folder}/${file}`, JSON.stringify(SANDBOX));
    }
    for (const broken of [
      { ...SANDBOX, state: 'odd' },
      { ...SANDBOX, ips: undefined },
      { ...SANDBOX, pod: {} },
    ]) {
      writeFileSync(`${folder}/${file}`, JSON.stringify(broken));
      expect(new SandboxStore(folder).all()).toEqual([]);
    }
  });
});

describe('on a full disk', () => {
  const folder = next();
  const fill = () => {
    for (let size = 1 << 20; size > 0; size >>= 1)
      try {
        writeFileSync(`${folder}/fill`, Buffer.alloc(size), { flag: 'a' });
      } catch {
        // As much as there is room for.
      }
  };
  beforeAll(() => {
    mkdirSync(folder);
    expect(spawnSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder]).status).toBe(0);
  });
  afterAll(() => {
    spawnSync(UNMOUNT, [folder]);
  });

  test('a sandbox that can’t be written down stays what it was, and one that leaves leaves', () => {
    const [sandboxes, adding] = [`${folder}/sandboxes`, { ...SANDBOX, state: 'adding' } as const];
    const store = new SandboxStore(sandboxes);
    store.put(adding);
    fill();
    // Longer than the rest of any block: half of it would fit where a page has room.
    const long = { ...SANDBOX, containerId: 'c2', netns: `/${'x'.repeat(10_000)}` };
    for (const sandbox of [long, SANDBOX]) expect(() => store.put(sandbox)).toThrow('ENOSPC');
    expect(store.all()).toEqual([adding]);
    expect(readdirSync(sandboxes)).toEqual(['c1:eth0.adding.json']);
    const leaving = { ...SANDBOX, state: 'leaving' } as const;
    store.put(leaving);
    expect(store.get('c1', 'eth0')).toEqual(leaving);
    expect(new SandboxStore(sandboxes).all()).toEqual([leaving]);
    // Where a name takes no room either, nobody is told that it was done.
    expect(() => store.put({ ...long, state: 'leaving' })).toThrow('ENOSPC');
    store.delete('c1', 'eth0');
    expect(readdirSync(sandboxes)).toEqual([]);
    rmSync(`${folder}/fill`);
  });

  test('an address is still promised back', async () => {
    mkdirSync(`${folder}/releases`);
    fill();
    await new PendingReleases(`${folder}/releases`).add('k8s-pod-network.c1');
    expect(new PendingReleases(`${folder}/releases`).all()).toEqual(['k8s-pod-network.c1']);
  });
});

describe('on a disk that has turned read-only', () => {
  const folder = next();
  const remount = (how: string) => spawnSync(MOUNT, ['-o', `remount,${how}`, folder]).status;
  beforeAll(() => {
    mkdirSync(folder);
    expect(spawnSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder]).status).toBe(0);
  });
  afterAll(() => {
    spawnSync(UNMOUNT, [folder]);
  });

  test('an address is promised back as long as this process lives, and nobody falls over it', async () => {
    const pending = new PendingReleases(`${folder}/releases`);
    await pending.add('before');
    expect(remount('ro')).toBe(0);
    await pending.add('after');
    expect(pending.all()).toEqual(['before', 'after']);
    pending.delete('before');
    pending.delete('after');
    expect(pending.isEmpty).toBe(true);
    // It was given back, and is once more: nobody has that handle again.
    expect(new PendingReleases(`${folder}/releases`).all()).toEqual(['before']);
    expect(remount('rw')).toBe(0);
  });
});

describe('releases that wait', () => {
  test('are told to be on the disk, many at once; those of an older agent are known', async () => {
    const folder = next();
    mkdirSync(folder);
    writeFileSync(`${folder}/0f`, 'k8s-pod-network.old');
    const pending = new PendingReleases(folder);
    await Promise.all(['a', 'b', 'a'].map(handle => pending.add(handle)));
    await pending.add('c');
    expect([...new PendingReleases(folder).all()].sort()).toEqual(['a', 'b', 'c', 'k8s-pod-network.old']);
    // What was promised is there when the call returns, whatever becomes of this process.
    void pending.add('d');
    expect(new PendingReleases(folder).has('d')).toBe(true);
  });

  test('outlive a restart; a write that was killed is not among them', () => {
    const folder = next();
    const pending = new PendingReleases(folder);
    pending.add('k8s-pod-network.c1');
    pending.add('k8s-pod-network.c1');
    pending.add('net/with/slashes');
    writeFileSync(`${folder}/0123.new`, 'k8s-pod-net');
    const again = new PendingReleases(folder);
    expect([...again.all()].sort()).toEqual(['k8s-pod-network.c1', 'net/with/slashes']);
    expect(again.has('net/with/slashes')).toBe(true);
    again.delete('net/with/slashes');
    again.delete('never there');
    expect(again.all()).toEqual(['k8s-pod-network.c1']);
    expect(again.has('net/with/slashes')).toBe(false);
  });
});

describe('the queue of kept DELs', () => {
  const queueIn = (folder: string, answer: (bytes: Buffer) => Promise<Buffer>) => {
    const lines: string[] = [];
    return { lines, queue: new DelQueue({ folder, answer, log: line => lines.push(line) }) };
  };

  test('serves what lies there at the start and what comes later, and removes what was served', async () => {
    const folder = next();
    mkdirSync(folder);
    writeFileSync(`${folder}/2.del`, 'second');
    writeFileSync(`${folder}/1.del`, 'first');
    const served: string[] = [];
    const { queue } = queueIn(folder, async bytes => {
      served.push(bytes.toString());
      return Buffer.from('0 0\n');
    });
    queue.start();
    await vi.waitFor(() => expect(readdirSync(folder)).toEqual([]));
    expect(served).toEqual(['first', 'second']);
    writeFileSync(`${folder}/.3`, 'half');
    writeFileSync(`${folder}/3.del`, 'third');
    // The folder is watched: this comes long before the slow timer.
    await vi.waitFor(() => expect(readdirSync(folder)).toEqual(['.3']));
    expect(served).toEqual(['first', 'second', 'third']);
    queue.stop();
  });

  test('keeps what can’t be served yet, complains once, drops what never will be, and goes on behind both', async () => {
    const folder = next();
    mkdirSync(folder);
    for (const name of ['1', '2', '3']) writeFileSync(`${folder}/${name}.del`, name);
    const served: string[] = [];
    const { queue, lines } = queueIn(folder, async bytes => {
      served.push(bytes.toString());
      if (bytes.toString() === '1') return Buffer.from('1 40\n{"code":11,"msg":"try again"}\n');
      return Buffer.from(bytes.toString() === '2' ? '1 40\n{"code":6,"msg":"no JSON"}\n' : '0 0\n');
    });
    queue.start();
    await vi.waitFor(() => expect(readdirSync(folder)).toEqual(['1.del']));
    queue.look();
    await vi.waitFor(() => expect(served.filter(name => name === '1').length).toBeGreaterThan(1));
    expect(lines).toEqual([
      'kept DEL 1.del waits: try again',
      'kept DEL 2.del is no request and was removed: no JSON',
    ]);
    queue.stop();
  });

  test('touches nothing that the executable did not write, is not held up by it, and lets nobody else write there', async () => {
    const folder = next();
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const outside = `${root}/outside`;
    writeFileSync(outside, 'elsewhere');
    symlinkSync(outside, `${folder}/1-link.del`);
    writeFileSync(`${folder}/2-foreign.del`, 'of another user');
    chownSync(`${folder}/2-foreign.del`, 65_534, 65_534);
    expect(spawnSync(MAKE_PIPE, [`${folder}/3-pipe.del`]).status).toBe(0);
    mkdirSync(`${folder}/4-folder.del`);
    writeFileSync(`${folder}/5-large.del`, '');
    truncateSync(`${folder}/5-large.del`, 1 << 30);
    mkdirSync(`${folder}/.old`);
    utimesSync(`${folder}/.old`, 1, 1);
    writeFileSync(`${folder}/6-ours.del`, 'ours');
    const served: string[] = [];
    const { queue, lines } = queueIn(folder, async bytes => {
      served.push(bytes.toString());
      return Buffer.from('0 0\n');
    });
    queue.start();
    await vi.waitFor(() => expect(readdirSync(folder)).not.toContain('6-ours.del'));
    await vi.waitFor(() => expect(lines).toHaveLength(5));
    expect(served).toEqual(['ours']);
    expect(lines[0]).toBe('kept DEL 1-link.del waits: it is no file that the CNI executable wrote');
    expect(readdirSync(folder)).toHaveLength(6);
    expect(readFileSync(outside, 'utf8')).toBe('elsewhere');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    queue.stop();
  });

  test('removes half files of executables that were killed, once they are old', async () => {
    const folder = next();
    mkdirSync(folder);
    writeFileSync(`${folder}/.old`, 'half');
    writeFileSync(`${folder}/.young`, 'half');
    utimesSync(`${folder}/.old`, 1, 1);
    const { queue } = queueIn(folder, async () => Buffer.from('0 0\n'));
    queue.start();
    await vi.waitFor(() => expect(readdirSync(folder)).toEqual(['.young']));
    queue.stop();
  });
});
