import { type Family, formatIp, mustIp, mustPrefix, ok } from '@muslin/net';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { methodText, readMethod } from '../src/address/autodetect-method.ts';
import {
  type AddressFacts,
  addressChoiceText,
  chooseAddress,
  type NodeInterface,
} from '../src/address/choose-address.ts';
import { NodeAddress } from '../src/address/node-address.ts';

/** `eth0 192.0.2.1/24 2001:db8::1/64`; a name with `!` is down, an address with a letter before `/` is marked. */
function interfaces(...lines: readonly string[]): readonly NodeInterface[] {
  return lines.map((line, index) => {
    const [name = '', ...addresses] = line.split(' ');
    return {
      ...{ name: name.replace('!', ''), index: index + 1, up: !name.endsWith('!') },
      addresses: addresses.map(text => {
        const [, ip = '', mark = '', length = ''] = /^([^/]*?)(~|\^|\*)?\/(\d+)$/.exec(text) ?? [];
        const marks = { '~': { tentative: true }, '^': { deprecated: true }, '*': { temporary: true } };
        return { ip: mustIp(ip), length: Number(length), ...(marks[mark as '~'] ?? {}) };
      }),
    };
  });
}

const method = (text: string) => {
  const read = readMethod(text);
  if (!read.ok) throw new Error(read.fault);
  return read.value;
};

const facts = (by: string, lines: readonly string[], more: Partial<AddressFacts> = {}): AddressFacts => ({
  ...{ family: 4, method: method(by), interfaces: interfaces(...lines), internalIps: [] },
  ...{ given: undefined, towards: undefined, others: new Map(), ...more },
});

const TWO = ['lo 127.0.0.1/8', 'docker0 172.17.0.1/16', 'eth0 10.0.0.5/24 10.0.0.6/24', 'eth1 192.0.2.5/24'];
const SIX = ['lo ::1/128', 'eth0 fe80::1/64 2001:db8::9*/64 2001:db8::8^/64 2001:db8::7~/64 2001:db8::5/64'];
const internal = (...ips: readonly string[]) => ({ internalIps: ips.map(mustIp) });

describe('the choice of a node’s address', () => {
  test.each<[string, string, readonly string[], Partial<AddressFacts>, string]>([
    [
      'is the Node’s InternalIP unless said otherwise',
      'kubernetes-internal-ip',
      TWO,
      internal('192.0.2.5'),
      "kubernetes-internal-ip: 192.0.2.5/24 on eth1, since it is the Node's InternalIP",
    ],
    [
      'is the first of several InternalIPs of its family',
      'kubernetes-internal-ip',
      TWO,
      internal('2001:db8::5', '10.0.0.6', '192.0.2.5'),
      "kubernetes-internal-ip: 10.0.0.6/24 on eth0, since it is the Node's first InternalIP",
    ],
    [
      'is the InternalIP even where no interface has it',
      'kubernetes-internal-ip',
      TWO,
      internal('198.51.100.1'),
      "kubernetes-internal-ip: 198.51.100.1/32, since it is the Node's InternalIP; no interface has it",
    ],
    [
      'is none without an InternalIP of the family',
      'kubernetes-internal-ip',
      TWO,
      { ...internal('10.0.0.5'), family: 6 },
      'kubernetes-internal-ip: none, since the Node has no InternalIP of IPv6',
    ],
    [
      'is what a person wrote on the Node, whatever the method',
      'first-found',
      TWO,
      { given: mustIp('192.0.2.5') },
      "annotation: 192.0.2.5/24 on eth1, since the Node's annotation projectcalico.org/IPv4Address says so",
    ],
    [
      'is the first of the first interface that is the node’s own',
      'first-found',
      TWO,
      {},
      'first-found: 10.0.0.5/24 on eth0, since it is the first of 3 that fit first-found',
    ],
    [
      'passes over interfaces that are down, of pods and of tunnels',
      'first-found',
      [
        'eth0! 10.0.0.5/24',
        'msl0123 10.9.9.9/32',
        'vxlan.muslin 10.244.0.0/32',
        'flannel.1 10.1.0.0/32',
        'ens3 10.0.1.5/24',
      ],
      {},
      'first-found: 10.0.1.5/24 on ens3, since it alone fits first-found',
    ],
    [
      'follows expressions in their order, not the interfaces’',
      'interface=eth1,eth.*',
      TWO,
      {},
      'interface=eth1,eth.*: 192.0.2.5/24 on eth1, since it is the first of 3 that fit interface=eth1,eth.*',
    ],
    [
      'may be on an interface that first-found passes over, if that is named',
      'interface=docker0',
      TWO,
      {},
      'interface=docker0: 172.17.0.1/16 on docker0, since it alone fits interface=docker0',
    ],
    [
      'skips interfaces that match',
      'skip-interface=eth0',
      TWO,
      {},
      'skip-interface=eth0: 192.0.2.5/24 on eth1, since it alone fits skip-interface=eth0',
    ],
    [
      'is inside one of the prefixes',
      'cidr=192.0.2.0/25,198.51.100.0/24',
      TWO,
      {},
      'cidr=192.0.2.0/25,198.51.100.0/24: 192.0.2.5/24 on eth1, since it alone fits cidr=192.0.2.0/25,198.51.100.0/24',
    ],
    [
      'is the source of packets to a destination',
      'can-reach=203.0.113.9',
      TWO,
      { towards: mustIp('10.0.0.6') },
      'can-reach=203.0.113.9: 10.0.0.6/24 on eth0, since packets to 203.0.113.9 leave from it',
    ],
    [
      'is none where no route leads to the destination',
      'can-reach=router.example',
      TWO,
      { towards: "router.example can't be resolved: ENOTFOUND" },
      "can-reach=router.example: none, since router.example can't be resolved: ENOTFOUND",
    ],
    [
      'is none where nothing fits',
      'interface=bond.*',
      TWO,
      {},
      'interface=bond.*: none, since no address of IPv4 fits interface=bond.*',
    ],
    [
      'is no IPv6 address that is link-local, temporary, deprecated or tentative',
      'first-found',
      SIX,
      { family: 6 },
      'first-found: 2001:db8::5/64 on eth0, since it alone fits first-found',
    ],
  ])('%s', (_, by, lines, more, text) => {
    expect(addressChoiceText(chooseAddress(facts(by, lines, more)))).toBe(text);
  });

  test.each<[string, readonly string[], Partial<AddressFacts>, readonly string[]]>([
    [
      'first-found',
      TWO,
      {},
      [
        '172.17.0.1 docker0: docker0 belongs to containers, tunnels or virtual machines',
        '10.0.0.6 eth0: 10.0.0.5 on eth0 comes first',
        '192.0.2.5 eth1: 10.0.0.5 on eth0 comes first',
      ],
    ],
    [
      'cidr=192.0.2.0/24',
      ['eth0! 192.0.2.9/24', ...TWO.slice(2)],
      {},
      [
        '192.0.2.9 eth0: eth0 is down',
        '10.0.0.5 eth0: it is outside 192.0.2.0/24',
        '10.0.0.6 eth0: it is outside 192.0.2.0/24',
      ],
    ],
    [
      'first-found',
      SIX,
      { family: 6 },
      [
        'fe80::1 eth0: it is link-local',
        '2001:db8::9 eth0: it is temporary',
        '2001:db8::8 eth0: it is deprecated',
        '2001:db8::7 eth0: duplicate address detection is not over, or failed',
      ],
    ],
    [
      'kubernetes-internal-ip',
      TWO.slice(2),
      internal('192.0.2.5'),
      [
        "10.0.0.5 eth0: 192.0.2.5: it is the Node's InternalIP",
        "10.0.0.6 eth0: 192.0.2.5: it is the Node's InternalIP",
      ],
    ],
    [
      'skip-interface=eth0',
      TWO.slice(2, 3),
      {},
      [
        '10.0.0.5 eth0: eth0 matches eth0, which is skipped',
        '10.0.0.6 eth0: eth0 matches eth0, which is skipped',
      ],
    ],
    ['interface=bond', TWO.slice(3), {}, ['192.0.2.5 eth1: eth1 does not match']],
  ])('%s says of every other address why not', (by, lines, more, rest) => {
    expect(
      chooseAddress(facts(by, lines, more)).rest.map(
        ({ ip, interfaceName, why }) => `${formatIp(ip)} ${interfaceName}: ${why}`,
      ),
    ).toEqual(rest);
  });

  test.each<[string, Partial<AddressFacts>, RegExp | undefined]>([
    ['kubernetes-internal-ip', internal('192.0.2.5'), undefined],
    ['kubernetes-internal-ip', {}, undefined],
    [
      'kubernetes-internal-ip',
      internal('198.51.100.1'),
      /no interface of this node has its InternalIP 198\.51\.100\.1/,
    ],
    ['first-found', { given: mustIp('198.51.100.1') }, /mend or remove the annotation/],
    ['interface=bond', {}, /no address of IPv4 fits/],
    [
      'first-found',
      { others: new Map([['n2', [mustIp('10.0.0.5')]]]) },
      /node n2 says that it has 10\.0\.0\.5, too/,
    ],
  ])('%s in trouble is told (%#)', (by, more, trouble) => {
    const found = chooseAddress(facts(by, TWO, more)).trouble;
    if (trouble === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(trouble);
  });

  test('does not depend on the order in which interfaces are listed, and no method makes it throw', () => {
    const names = fc.constantFrom('eth0', 'eth1', 'lo', 'docker0', 'veth9', 'msl1', 'bond0.7');
    const address = fc.constantFrom(
      '10.0.0.1/24',
      '192.0.2.1/24',
      '169.254.1.1/16',
      '2001:db8::1/64',
      'fe80::1/64',
    );
    const lines = fc.array(fc.tuple(names, fc.array(address, { maxLength: 3 })), { maxLength: 5 });
    const by = fc.constantFrom(
      'first-found',
      'interface=eth',
      'skip-interface=eth0',
      'cidr=10.0.0.0/8',
      'kubernetes-internal-ip',
    );
    fc.assert(
      fc.property(lines, by, fc.constantFrom<Family>(4, 6), (list, how, family) => {
        const given = facts(
          how,
          list.map(([name, ips]) => [name, ...ips].join(' ')),
          { family },
        );
        const turned = { ...given, interfaces: given.interfaces.toReversed() };
        const choice = chooseAddress(given);
        expect(chooseAddress(turned)).toEqual(choice);
        if (choice.chosen !== undefined) expect(choice.chosen.ip.family).toBe(family);
      }),
    );
  });
});

test.each([
  ['first-found', 'first-found'],
  ['interface=eth.*,en[0-9]', 'interface=eth.*,en[0-9]'],
  ['cidr=10.0.0.0/8, fd00::/8', 'cidr=10.0.0.0/8,fd00::/8'],
  ['can-reach=192.0.2.1', 'can-reach=192.0.2.1'],
])('the method %s is read and written', (text, written) => {
  expect(methodText(method(text))).toBe(written);
});

test.each([
  ['first-found=1', 'first-found takes no value'],
  ['interface=', 'interface takes regular expressions'],
  ['interface=(', '"(" is no regular expression'],
  ['cidr=10.0.0.0', '"10.0.0.0" is no prefix'],
  ['can-reach', 'can-reach takes one address or name'],
  ['eth0', '"eth0" is no method: take kubernetes-internal-ip'],
])('the method %s is refused with a sentence', (text, sentence) => {
  const read = readMethod(text);
  expect(read.ok ? '' : read.fault).toContain(sentence);
});

describe('a node that finds its address', () => {
  interface Told {
    readonly patches: Record<string, string | null>[];
    readonly log: string[];
    lines: readonly string[];
    annotations: Record<string, string>;
    internal: readonly string[];
  }
  let keeper: NodeAddress | undefined;
  afterEach(() => {
    keeper?.stop();
    vi.useRealTimers();
  });
  async function start(by: string, onChange: 'follow' | 'keep', told: Told): Promise<() => Promise<void>> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
    const line =
      (level: string) =>
      (...parts: readonly unknown[]) =>
        void told.log.push(`${level}: ${parts.at(-1)}`);
    keeper = new NodeAddress({
      client: {
        patch: (_: unknown, __: unknown, { body }: { body: unknown }) => {
          const { annotations } = (body as { metadata: { annotations: Record<string, string | null> } })
            .metadata;
          told.patches.push(annotations);
          for (const [key, value] of Object.entries(annotations))
            if (value === null) delete told.annotations[key];
            else told.annotations[key] = value;
          return Promise.resolve(ok({}));
        },
      } as never,
      ...{ node: 'n1', onChange, methods: { 4: method(by), 6: method('kubernetes-internal-ip') } },
      object: () =>
        ({
          metadata: { name: 'n1', annotations: { ...told.annotations } },
          status: { addresses: told.internal.map(address => ({ type: 'InternalIP', address })) },
        }) as never,
      ...{ nodes: () => new Map(), interfaces: () => ok(interfaces(...told.lines)) },
      ...{
        sourceOf: () => Promise.resolve('none'),
        log: { info: line('info'), warn: line('warn'), error: line('error') } as never,
      },
    });
    const look = async () => {
      keeper?.poke();
      await vi.advanceTimersByTimeAsync(60);
    };
    keeper.start();
    await look();
    return look;
  }
  const fresh = (): Told => ({
    ...{ patches: [], log: [], annotations: {}, internal: ['10.0.0.5'] },
    lines: ['eth0 10.0.0.5/24', 'eth1 192.0.2.5/24'],
  });

  test('tells the InternalIP and why, and leaves Calico’s annotation alone', async () => {
    const told = fresh();
    const look = await start('kubernetes-internal-ip', 'follow', told);
    expect(told.annotations).toEqual({
      'muslin.dev/ipv4-address-choice':
        "kubernetes-internal-ip: 10.0.0.5/24 on eth0, since it is the Node's InternalIP",
    });
    await look();
    expect(told.patches).toHaveLength(1);
  });

  test('moves with what the method finds, and says so', async () => {
    const told = fresh();
    const look = await start('cidr=10.0.0.0/8', 'follow', told);
    expect(told.annotations['projectcalico.org/IPv4Address']).toBe('10.0.0.5/24');
    told.lines = ['eth0 10.0.0.77/24'];
    await look();
    expect(told.annotations['projectcalico.org/IPv4Address']).toBe('10.0.0.77/24');
    expect(told.log.at(-1)).toMatch(
      /^warn: the address of node n1 changes: cidr=10\.0\.0\.0\/8: 10\.0\.0\.77/,
    );
    expect(keeper?.status).toMatchObject({ changes: [{ family: 4, from: '10.0.0.5', to: '10.0.0.77' }] });
  });

  test('keeps an address that an interface still has, if told to', async () => {
    const told = fresh();
    told.lines = ['eth1 192.0.2.5/24'];
    const look = await start('first-found', 'keep', told);
    told.lines = ['eth0 10.0.0.5/24', 'eth1 192.0.2.5/24'];
    await look();
    expect(told.annotations['projectcalico.org/IPv4Address']).toBe('192.0.2.5/24');
    expect(told.annotations['muslin.dev/ipv4-address-choice']).toContain('would take 10.0.0.5 by now');
    told.lines = ['eth0 10.0.0.5/24'];
    await look();
    expect(told.annotations['projectcalico.org/IPv4Address']).toBe('10.0.0.5/24');
  });

  test('keeps what it told while nothing fits, and says what is wrong', async () => {
    const told = fresh();
    const look = await start('interface=eth0', 'follow', told);
    told.lines = ['eth1 192.0.2.5/24'];
    await look();
    expect(told.annotations['projectcalico.org/IPv4Address']).toBe('10.0.0.5/24');
    const trouble = 'no address of IPv4 fits interface=eth0';
    expect(keeper?.troubles).toEqual([`IPv4: ${trouble}`]);
    await look();
    const warned = told.log.filter(line => line === `warn: the address of node n1: ${trouble}`);
    expect(warned).toHaveLength(1);
  });

  test('never writes over what a person wrote, and takes its own word back when the method is the default again', async () => {
    const told = fresh();
    const look = await start('first-found', 'follow', told);
    told.annotations['projectcalico.org/IPv4Address'] = '192.0.2.5/24';
    await look();
    expect(told.annotations).toMatchObject({
      'projectcalico.org/IPv4Address': '192.0.2.5/24',
      'muslin.dev/ipv4-address-choice': expect.stringMatching(/^annotation: 192\.0\.2\.5/),
    });
    delete told.annotations['projectcalico.org/IPv4Address'];
    await look();
    expect(told.annotations['projectcalico.org/IPv4Address']).toBe('10.0.0.5/24');
    keeper?.stop();
    await start('kubernetes-internal-ip', 'follow', told);
    expect(told.annotations['projectcalico.org/IPv4Address']).toBeUndefined();
  });
});

test('prefixes of methods are those that were written', () => {
  expect(method('cidr=10.0.0.0/8')).toEqual({ kind: 'cidr', cidrs: [mustPrefix('10.0.0.0/8')] });
});
