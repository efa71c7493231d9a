import type { AnyObject, KubeClient } from '@muslin/kube';
import { deleteLink, netlinkIn } from '@muslin/linux';
import { mustIp, ok, type Result } from '@muslin/net';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AddressBook, AddressRequest } from '../src/address-book.ts';
import { type CniRequest, readCniRequest } from '../src/cni/cni-request.ts';
import { PodCache } from '../src/pod/pod-cache.ts';
import { PodNetwork, type PodNetworkOptions } from '../src/pod/pod-network.ts';
import { type Sandbox, SandboxStore } from '../src/pod/sandbox-store.ts';
import { coreOf, podObject } from './cluster-facts.ts';
import { freshFolder } from './folder.ts';
import { makeSpace, must, type Space } from './spaces.ts';

const host = makeSpace();
const netlink = must(netlinkIn(host.namespace));
const root = freshFolder();
const spaces: Space[] = [];
let count = 0;
afterAll(() => {
  netlink.close();
  host.close();
});
afterEach(() => {
  vi.useRealTimers();
  for (const space of spaces.splice(0)) space.close();
  for (const link of host.ip('link', 'show')) if (link.ifname !== 'lo') deleteLink(netlink, link.ifname);
});

const IP_ADDRS = 'cni.projectcalico.org/ipAddrs';

/** Who gives one address after the other, and remembers whose are given back. */
function book() {
  const released: string[] = [];
  const wishes: (string | undefined)[] = [];
  let next = 1;
  const addresses = {
    take: ({ object }: AddressRequest) => {
      wishes.push((object as AnyObject).metadata.annotations?.[IP_ADDRS]);
      return [mustIp(`10.0.0.${next}`), mustIp(`fd00::${next++}`)];
    },
    release: async (containerId: string) => void released.push(containerId),
    freed: async () => undefined,
    ask: async () => undefined,
  };
  return { released, wishes, addresses: addresses as unknown as AddressBook };
}

/** What a kernel does that takes whatever it is asked for. */
const WILLING = {
  enforce: async () => {},
  enforceInPassing: async () => {},
  unrouted: () => undefined,
  ready: () => true,
  trouble: () => undefined,
} satisfies Partial<PodNetworkOptions>;

let given: ReturnType<typeof book>;
let store: SandboxStore;
function networkWith(
  more: Partial<PodNetworkOptions> = {},
  annotations: Readonly<Record<string, string>> = {},
): PodNetwork {
  given = book();
  store = new SandboxStore(`${root}/${count++}`);
  const pods = new PodCache();
  for (const name of ['web', 'other']) {
    const { metadata, ...rest } = podObject(name, name);
    pods.saw({ ...rest, metadata: { ...metadata, labels: {}, annotations } }, false);
  }
  return new PodNetwork({
    ...{ client: {} as KubeClient, netlink, core: coreOf(), sandboxes: store, pods },
    ...{
      addresses: given.addresses,
      prepared: { claim: () => ({ ips: [], end: () => {} }), learn: () => {} },
    },
    ...{ forgetFlows: async () => {}, hurryFlows: () => {}, audit: async () => undefined },
    ...{ onServed: () => {}, mtu: () => 1400, log: () => {} },
    removeLink: async name => {
      deleteLink(netlink, name);
      return ok(undefined);
    },
    ...WILLING,
    ...more,
  });
}

let space: Space;
beforeEach(() => {
  space = newSpace();
});
function newSpace(): Space {
  const made = makeSpace();
  spaces.push(made);
  return made;
}

interface Asked {
  readonly pod?: string;
  readonly containerId?: string;
  readonly ifname?: string;
  readonly in?: Space;
  readonly config?: object;
}
function requestOf(command: string, asked: Asked = {}): CniRequest {
  const { pod = 'web', containerId = `c-${pod}`, ifname = 'eth0', config = {} } = asked;
  const env = {
    ...{ CNI_COMMAND: command, CNI_CONTAINERID: containerId, CNI_IFNAME: ifname, CNI_PATH: '/opt/cni/bin' },
    CNI_NETNS: (asked.in ?? space).path,
    CNI_ARGS: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod};K8S_POD_UID=${pod}`,
  };
  const input = JSON.stringify({ cniVersion: '1.1.0', name: 'net', type: 'muslin', ...config });
  const read = readCniRequest(new Map(Object.entries(env)), input);
  if (!read.ok) throw new Error(read.fault.message);
  return read.value;
}
const cables = () => host.ip('link', 'show').filter(({ ifname }) => ifname !== 'lo');
const inside = (of: Space) => of.ip('link', 'show').map(({ ifname }) => ifname);
const kept = () => store.all().map(({ containerId, ifname }) => `${containerId} ${ifname}`);
function nothingLeft(): void {
  expect([cables(), inside(space), store.all()]).toEqual([[], ['lo'], []]);
}
const faultOf = (result: Result<unknown, { readonly code: number; readonly message: string }>) =>
  result.ok ? 'done' : `${result.fault.code} ${result.fault.message}`;

describe('an ADD', () => {
  test('that the kernel does not confirm is given up after a while with the reason, and nothing is left', async () => {
    let silent = true;
    const network = networkWith({ enforce: () => (silent ? new Promise(() => {}) : Promise.resolve()) });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const adding = network.handle(requestOf('ADD'));
    await vi.waitFor(() => expect(cables()).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(19_900);
    expect(kept()).toEqual(['c-web eth0']);
    silent = false;
    await vi.advanceTimersByTimeAsync(200);
    expect(faultOf(await adding)).toBe(
      "11 the kernel did not hold this pod's policy within 20 s; the agent's log says why",
    );
    await vi.waitFor(() => expect(given.released).toEqual(['c-web']));
    nothingLeft();
  });

  test('whose route can’t be set fails with the kernel’s words, and nothing is left', async () => {
    const network = networkWith({ unrouted: () => 'no buffer space' });
    expect(faultOf(await network.handle(requestOf('ADD')))).toBe(
      '11 no route to the pod could be set: no buffer space',
    );
    await vi.waitFor(() => expect(given.released).toEqual(['c-web']));
    nothingLeft();
  });

  test.each(['adding', 'ready'])('whose state %s can’t be written down leaves nothing', async state => {
    const network = networkWith();
    const put = store.put.bind(store);
    vi.spyOn(store, 'put').mockImplementation((sandbox: Sandbox) => {
      if (sandbox.state === state) throw Object.assign(new Error('ENOSPC'), { syscall: 'write' });
      put(sandbox);
    });
    await expect(network.handle(requestOf('ADD'))).rejects.toThrow('ENOSPC');
    await vi.waitFor(() => expect(given.released).toEqual(['c-web']));
    nothingLeft();
  });

  test('is refused while the agent does not know the cluster', async () => {
    const network = networkWith({ ready: () => false });
    expect(faultOf(await network.handle(requestOf('ADD')))).toMatch(/^11 the Muslin agent does not know/);
    nothingLeft();
  });

  test('into the namespace of another pod is refused, also behind another plugin; where that pod is gone it is not', async () => {
    const network = networkWith();
    must(await network.handle(requestOf('ADD')));
    const thief = { pod: 'other', ifname: 'net1' };
    const refusal = `8 ${space.path} is the network namespace of pod shop/web (container c-web)`;
    expect(faultOf(await network.handle(requestOf('ADD', thief)))).toBe(refusal);
    const behind = { pod: 'other', config: { prevResult: {} } };
    expect(faultOf(await network.handle(requestOf('ADD', behind)))).toBe(refusal);
    expect([cables().length, kept()]).toEqual([1, ['c-web eth0']]);
    // As after a reboot, where the path comes again before the DEL does.
    space.run('ip', 'link', 'del', 'eth0');
    must(await network.handle(requestOf('ADD', thief)));
  });
});

describe('one interface', () => {
  const link = (ifname: string) => space.ip('link', 'show', ifname)[0];
  const HW = 'cni.projectcalico.org/hwAddr';

  test('has the MAC of the pod’s annotation where it is the first, and the caller names none', async () => {
    const network = networkWith({}, { [HW]: '02:00:00:00:00:AA' });
    for (const ifname of ['eth0', 'net1']) must(await network.handle(requestOf('ADD', { ifname })));
    expect(link('eth0').address).toBe('02:00:00:00:00:aa');
    expect(link('net1').address).not.toBe('02:00:00:00:00:aa');
    const config = { runtimeConfig: { mac: '02:00:00:00:00:bb' } };
    const other = newSpace();
    must(await network.handle(requestOf('ADD', { pod: 'other', in: other, config })));
    expect(other.ip('link', 'show', 'eth0')[0].address).toBe('02:00:00:00:00:bb');
    const odd = networkWith({}, { [HW]: 'ff:ff:ff:ff:ff:ff' });
    expect(faultOf(await odd.handle(requestOf('ADD', { in: newSpace() })))).toMatch(
      /^7 annotation .*hwAddr must be/,
    );
  });

  test('has the addresses of the pod’s annotation where it is the first, and the caller names none', async () => {
    const network = networkWith({}, { [IP_ADDRS]: '["10.0.0.77"]' });
    const config = { runtimeConfig: { ips: ['10.0.0.78/24'] } };
    for (const asked of [{}, { ifname: 'net1' }, { ifname: 'net2', config }])
      must(await network.handle(requestOf('ADD', asked)));
    expect(given.wishes).toEqual(['["10.0.0.77"]', undefined, '["10.0.0.78"]']);
  });

  test('has the MTU of the configuration, else what the node found', async () => {
    const network = networkWith();
    const asked = { net0: {}, net1: { mtu: 0 }, net2: { mtu: 1300 } };
    for (const [ifname, config] of Object.entries(asked))
      must(await network.handle(requestOf('ADD', { ifname, config })));
    expect(Object.keys(asked).map(ifname => link(ifname).mtu)).toEqual([1400, 1400, 1300]);
    expect(
      cables()
        .map(({ mtu }) => mtu)
        .toSorted(),
    ).toEqual([1300, 1400, 1400]);
  });

  test('has the default routes where the configuration says so, whichever it is, and is found so by CHECK', async () => {
    const network = networkWith();
    const way = (include: boolean) => ({ config: { include_default_routes: include } });
    const first = must(await network.handle(requestOf('ADD', way(false))));
    expect(JSON.stringify(first)).not.toContain('gateway');
    const second = must(await network.handle(requestOf('ADD', { ifname: 'net1', ...way(true) })));
    expect(JSON.stringify(second)).toContain('169.254.1.1');
    for (const family of ['-4', '-6'])
      expect(space.ip(family, 'route', 'show', 'default').map(({ dev }) => dev)).toEqual(['net1']);
    for (const ifname of ['eth0', 'net1']) {
      for (const ip of store.get('c-web', ifname)?.ips ?? [])
        host.run('ip', 'route', 'add', ip, 'dev', store.get('c-web', ifname)?.hostInterface ?? '');
      expect(await network.handle(requestOf('CHECK', { ifname }))).toEqual(ok(undefined));
    }
  });

  test.each([true, false])('lets the pod forward packets of both families: %s', async allowed => {
    const config = { container_settings: { allow_ip_forwarding: allowed } };
    // A new namespace may have what the node has.
    for (const key of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding'])
      space.run('sysctl', '-qw', `net.${key}=0`);
    must(await networkWith().handle(requestOf('ADD', { config })));
    const read = (key: string) => space.run('cat', `/proc/sys/net/${key}`).trim();
    expect([read('ipv4/ip_forward'), read('ipv6/conf/all/forwarding')]).toEqual(
      allowed ? ['1', '1'] : ['0', '0'],
    );
  });
});

describe('a DEL', () => {
  test('of a container that nobody remembers gives back by its name what the cluster may remember', async () => {
    const network = networkWith();
    expect(await network.handle(requestOf('DEL'))).toEqual(ok(undefined));
    expect(await network.handle(requestOf('DEL', { ifname: 'net1' }))).toEqual(ok(undefined));
    expect(given.released).toEqual(['c-web', 'c-web.net1']);
  });

  test('whose addresses can’t be promised back succeeds, and is finished as soon as they can', async () => {
    const network = networkWith();
    must(await network.handle(requestOf('ADD')));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const release = vi.spyOn(given.addresses, 'release');
    release.mockImplementation(() => Promise.reject(new Error('ENOSPC')));
    expect(await network.handle(requestOf('DEL'))).toEqual(ok(undefined));
    await vi.waitFor(() => expect(release).toHaveBeenCalled());
    // Its file is the promise meanwhile.
    expect(store.all()).toMatchObject([{ state: 'leaving' }]);
    expect(await network.handle(requestOf('DEL'))).toEqual(ok(undefined));
    release.mockRestore();
    await vi.advanceTimersByTimeAsync(3_000);
    await vi.waitFor(() => expect(given.released).toEqual(['c-web']));
    nothingLeft();
  });
});

describe('GC', () => {
  const valid = (...attachments: readonly (readonly [string, string])[]) => ({
    'cni.dev/valid-attachments': attachments.map(([containerID, ifname]) => ({ containerID, ifname })),
  });

  test('takes one of several interfaces of a container, and goes on after one that can’t be taken', async () => {
    const stuck: string[] = [];
    const network = networkWith({
      removeLink: async name => {
        if (stuck.includes(name)) return { ok: false, fault: { message: 'busy' } };
        deleteLink(netlink, name);
        return ok(undefined);
      },
    });
    for (const ifname of ['eth0', 'net1', 'net2']) must(await network.handle(requestOf('ADD', { ifname })));
    must(await network.handle(requestOf('ADD', { pod: 'other', in: newSpace() })));
    await vi.waitFor(() => expect(network.busy).toBe(false));
    stuck.push(store.get('c-web', 'net1')?.hostInterface ?? '');
    const asked = requestOf('GC', { config: valid(['c-web', 'eth0']) });
    expect(faultOf(await network.handle(asked))).toBe('5 busy');
    await vi.waitFor(() => expect(kept()).toEqual(['c-web eth0', 'c-web net1']));
    expect(inside(space).toSorted()).toEqual(['eth0', 'lo', 'net1']);
    stuck.pop();
    expect(await network.handle(asked)).toEqual(ok(undefined));
    await vi.waitFor(() => expect(kept()).toEqual(['c-web eth0']));
  });

  test('passes over what is in work', async () => {
    let go = () => {};
    const gate = new Promise<void>(resolve => {
      go = resolve;
    });
    const network = networkWith({ enforce: () => gate });
    const adding = network.handle(requestOf('ADD'));
    await vi.waitFor(() => expect(kept()).toEqual(['c-web eth0']));
    expect(await network.handle(requestOf('GC', { config: valid() }))).toEqual(ok(undefined));
    go();
    must(await adding);
    expect(kept()).toEqual(['c-web eth0']);
  });
});

test('STATUS is 50 while the cluster is unknown, and 51 with the reason while the kernel refuses what it wants', async () => {
  const status = async (more: Partial<PodNetworkOptions>) => networkWith(more).handle(requestOf('STATUS'));
  expect(await status({})).toEqual(ok(undefined));
  expect(faultOf(await status({ ready: () => false }))).toBe(
    '50 the Muslin agent does not know the cluster yet',
  );
  expect(await status({ trouble: () => 'nft: No space' })).toMatchObject({
    fault: { code: 51, details: 'nft: No space' },
  });
});
