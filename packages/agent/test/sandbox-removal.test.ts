import { ok } from '@muslin/net';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { AddressBook } from '../src/address-book.ts';
import { PodCache } from '../src/pod/pod-cache.ts';
import { type RemovalOptions, SandboxRemoval } from '../src/pod/sandbox-removal.ts';
import { type Sandbox, SandboxStore } from '../src/pod/sandbox-store.ts';
import { coreOf, here, local, NAMESPACE, object, podObject } from './cluster-facts.ts';
import { freshFolder } from './folder.ts';

const root = freshFolder();
let count = 0;

const sandboxOf = (name: string, more: Partial<Sandbox> = {}): Sandbox => ({
  ...{ containerId: `c-${name}`, ifname: 'eth0', netns: `/run/netns/${name}`, network: 'net' },
  ...{ hostInterface: `msl-${name}`, pod: { namespace: 'shop', name, uid: name } },
  ...{ ips: ['10.0.0.1'], podMac: '', mtu: 1400, state: 'ready', ...more },
});

/** A node of which each part goes on when it is told to; `log` says what it was asked for. */
function node(more: Partial<RemovalOptions> = {}) {
  const log: string[] = [];
  const folder = `${root}/${count++}`;
  const sandboxes = new SandboxStore(folder);
  const core = coreOf([
    object(NAMESPACE),
    object(podObject('web', 'web')),
    here(local('web', 'web', ['10.0.0.1'], 'c-web')),
  ]);
  const rounds: (() => void)[] = [];
  const round = (why: string) => {
    log.push(why);
    return new Promise<void>(resolve => rounds.push(resolve));
  };
  const removal = new SandboxRemoval({
    ...{ core, sandboxes, pods: new PodCache(), log: () => {} },
    addresses: {
      release: async (handle: string) => void log.push(`promise ${handle}`),
    } as unknown as AddressBook,
    removeLink: async name => {
      log.push(`unplug ${name}`);
      return ok(undefined);
    },
    enforce: () => round('round at once'),
    enforceInPassing: () => round('round in passing'),
    forgetFlows: async ips => void log.push(`forget ${ips.length}`),
    hurryFlows: () => log.push('hurry'),
    ...more,
  });
  sandboxes.put(sandboxOf('web'));
  return {
    ...{ log, core, sandboxes, removal },
    /** All rounds that were asked for end well. */
    endRounds: () => {
      for (const end of rounds.splice(0)) end();
    },
    /** What a new program would find. */
    onDisk: () => new SandboxStore(folder).all().map(({ containerId, state }) => `${containerId} ${state}`),
    web: () => sandboxes.get('c-web', 'eth0') as Sandbox,
  };
}
let n: ReturnType<typeof node>;
beforeEach(() => {
  n = node();
});
const soon = () => new Promise(resolve => setImmediate(resolve));

describe('a sandbox that goes', () => {
  test('is answered for when its interface is gone, while rules stay; its address goes after them and its connections', async () => {
    expect(await n.removal.takeBack(n.web())).toEqual(ok(undefined));
    await soon();
    expect(n.log).toEqual(['round in passing', 'unplug msl-web']);
    expect([n.onDisk(), n.core.locals.size]).toEqual([['c-web leaving'], 0]);
    n.endRounds();
    await vi.waitFor(() => expect(n.sandboxes.all()).toEqual([]));
    expect(n.log.slice(2)).toEqual(['forget 1', 'promise c-web']);
    expect(n.onDisk()).toEqual([]);
  });

  test('stays written down, with its address, as long as no round succeeds; a DEL that comes again succeeds', async () => {
    await n.removal.takeBack(n.web());
    expect(await n.removal.takeBack(n.web())).toEqual(ok(undefined));
    await soon();
    expect(n.log).toEqual(['round in passing', 'unplug msl-web']);
    expect(n.onDisk()).toEqual(['c-web leaving']);
  });

  test('is not answered for as long as its interface is there, and a DEL that comes again tries again', async () => {
    let busy = true;
    n = node({
      removeLink: async () => (busy ? { ok: false, fault: { message: 'busy' } } : ok(undefined)),
    });
    expect(await n.removal.takeBack(n.web())).toMatchObject({ ok: false, fault: { message: 'busy' } });
    n.endRounds();
    await soon();
    expect([n.onDisk(), n.log]).toEqual([['c-web leaving'], ['round in passing']]);
    busy = false;
    expect(await n.removal.takeBack(n.web())).toEqual(ok(undefined));
    n.endRounds();
    await vi.waitFor(() => expect(n.onDisk()).toEqual([]));
  });

  test('and whose interface another plugin made is answered for when rules are gone: nothing else closes it', async () => {
    n.sandboxes.put(sandboxOf('web', { madeBy: 'others' }));
    const done = vi.fn();
    void n.removal.takeBack(n.web()).then(done);
    await soon();
    expect(n.log).toEqual(['round in passing', 'round at once']);
    expect(done).not.toHaveBeenCalled();
    n.endRounds();
    await vi.waitFor(() => expect(done).toHaveBeenCalledWith(ok(undefined)));
    await vi.waitFor(() => expect(n.onDisk()).toEqual([]));
    expect(n.log.filter(line => line.startsWith('promise'))).toEqual([]);
  });
});

describe('a new interface', () => {
  const newer = (name: string) => sandboxOf(name, { containerId: 'newer' });

  test('of the pod waits until no rules name the one before, and of another pod does not', async () => {
    await n.removal.takeBack(n.web());
    expect(await n.removal.displace(newer('other'))).toEqual(ok(undefined));
    const free = vi.fn();
    void n.removal.displace(newer('web')).then(free);
    await soon();
    expect(n.log).toEqual(['round in passing', 'unplug msl-web', 'round at once']);
    expect(free).not.toHaveBeenCalled();
    n.endRounds();
    await vi.waitFor(() => expect(free).toHaveBeenCalledWith(ok(undefined)));
    expect(await n.removal.displace(newer('web'))).toEqual(ok(undefined));
    expect(n.log.filter(line => line === 'round at once')).toHaveLength(1);
  });

  test('of a pod whose sandbox is there takes its place once interface and rules are gone', async () => {
    const free = vi.fn();
    void n.removal.displace(newer('web')).then(free);
    await soon();
    expect(n.log).toEqual(['round in passing', 'unplug msl-web', 'round at once']);
    n.endRounds();
    await vi.waitFor(() => expect(free).toHaveBeenCalledWith(ok(undefined)));
  });

  test('is refused with the reason when rules do not go', async () => {
    await n.removal.takeBack(n.web());
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const free = n.removal.displace(newer('web'));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await free).toMatchObject({
      fault: { code: 11, message: expect.stringContaining('still holds rules of this pod after 20 s') },
    });
    vi.useRealTimers();
  });

  test('of the same container has rounds and looks for connections at once', async () => {
    await n.removal.takeBack(n.web());
    const gone = n.removal.goneSoon(sandbox => sandbox.containerId === 'c-web');
    await soon();
    expect(n.log.slice(2)).toEqual(['hurry', 'round at once']);
    n.endRounds();
    expect(await gone).toEqual(ok(undefined));
    expect(n.log.slice(4)).toEqual(['forget 1', 'hurry', 'promise c-web']);
  });
});
