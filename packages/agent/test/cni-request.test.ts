import { formatIp, mustIp } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { CNI_VERSIONS, compareVersions, readCniRequest } from '../src/cni/cni-request.ts';

const FULL = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c0ffee',
  CNI_NETNS: '/var/run/netns/cni-1',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/opt/cni/bin',
  CNI_ARGS:
    'K8S_POD_UID=u1;IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c0ffee',
};
const CONFIG = {
  cniVersion: '1.1.0',
  name: 'k8s-pod-network',
  type: 'muslin',
  'cni.dev/valid-attachments': [],
};

type Env = Readonly<Record<string, string | undefined>>;

function read(env: Env = {}, config: unknown = {}) {
  const merged = Object.entries({ ...FULL, ...env }).filter(([, value]) => value !== undefined);
  const input = typeof config === 'string' ? config : JSON.stringify({ ...CONFIG, ...(config as object) });
  return readCniRequest(new Map(merged as [string, string][]), input);
}

/** What libcni prints, as one line: code, message, details. */
function refusal(env: Env, config: unknown = {}): string {
  const request = read(env, config);
  if (request.ok) return 'accepted';
  const { code, message, details } = request.fault;
  return [`${code} ${message}`, ...(details === undefined ? [] : [details])].join(' | ');
}

test('an ADD as containerd sends it', () => {
  expect(read()).toEqual({
    ok: true,
    value: {
      command: 'ADD',
      containerId: 'c0ffee',
      netns: '/var/run/netns/cni-1',
      ifname: 'eth0',
      path: '/opt/cni/bin',
      args: FULL.CNI_ARGS,
      pod: { namespace: 'shop', name: 'web', uid: 'u1' },
      attachment: { mac: undefined, ips: [], ports: [], ingress: undefined, egress: undefined },
      config: {
        cniVersion: '1.1.0',
        name: 'k8s-pod-network',
        mtu: undefined,
        ipam: { kind: 'ours', pools: {}, without: [] },
        prevResult: undefined,
        defaultRoute: undefined,
        allowForwarding: false,
        validAttachments: [],
        dns: {},
        raw: CONFIG,
      },
    },
  });
});

describe('environment', () => {
  const none = { CNI_CONTAINERID: '', CNI_NETNS: undefined, CNI_IFNAME: undefined, CNI_PATH: undefined };
  test.each([
    ['ADD', '4 required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing'],
    ['CHECK', '4 required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing'],
    ['DEL', '4 required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing'],
    ['GC', '4 required env variables [CNI_PATH] missing'],
    ['STATUS', '4 required env variables [CNI_PATH] missing'],
    ['VERSION', 'accepted'],
  ])('%s names all missing variables at once', (command, text) => {
    expect(refusal({ ...none, CNI_COMMAND: command })).toBe(text);
  });

  test('GC and STATUS need no container, DEL no namespace', () => {
    for (const command of ['GC', 'STATUS'])
      expect(refusal({ ...none, CNI_COMMAND: command, CNI_PATH: '/bin' })).toBe('accepted');
    expect(refusal({ CNI_COMMAND: 'DEL', CNI_NETNS: '' })).toBe('accepted');
  });

  test.each([
    [{ CNI_COMMAND: 'add' }, '4 unknown CNI_COMMAND: add'],
    [{ CNI_COMMAND: 'FLY' }, '4 unknown CNI_COMMAND: FLY'],
    [{ CNI_CONTAINERID: '-x' }, '4 invalid characters in containerID | -x'],
    [{ CNI_CONTAINERID: 'a/b' }, '4 invalid characters in containerID | a/b'],
    [{ CNI_CONTAINERID: 'a\n' }, '4 invalid characters in containerID | a\n'],
    [{ CNI_CONTAINERID: 'A9_.-z' }, 'accepted'],
    [{ CNI_IFNAME: 'sixteen-letters-' }, '4 invalid interface name | sixteen-letters-'],
    [{ CNI_IFNAME: 'fifteen-letters' }, 'accepted'],
    [{ CNI_IFNAME: '.' }, '4 invalid interface name | .'],
    [{ CNI_IFNAME: '..' }, '4 invalid interface name | ..'],
    [{ CNI_IFNAME: 'a/b' }, '4 invalid interface name | a/b'],
    [{ CNI_IFNAME: 'a:b' }, '4 invalid interface name | a:b'],
    [{ CNI_IFNAME: 'a b' }, '4 invalid interface name | a b'],
  ])('%j: %s', (env, text) => {
    expect(refusal(env)).toBe(text);
  });
});

describe('CNI_ARGS', () => {
  test.each([
    ['K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;COLOUR=red', '4 unknown args ["COLOUR"]'],
    ['K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;COLOUR=red;IgnoreUnknown=false', '4 unknown args ["COLOUR"]'],
    ['IgnoreUnknown=true;COLOUR=red', 'accepted'],
    ['IgnoreUnknown=1;COLOUR=red', 'accepted'],
    ['what', '4 CNI_ARGS must be pairs KEY=value | what'],
    ['=x', '4 CNI_ARGS must be pairs KEY=value | =x'],
    [';;', 'accepted'],
  ])('%s: %s', (args, text) => {
    expect(refusal({ CNI_ARGS: args })).toBe(text);
  });

  test('the order does not matter, values may hold =, and without a pod there is none', () => {
    const pod = (args: string | undefined) => {
      const request = read({ CNI_ARGS: args });
      return request.ok ? request.value.pod : 'refused';
    };
    expect(pod('K8S_POD_NAME=b;K8S_POD_NAMESPACE=a')).toEqual({ namespace: 'a', name: 'b', uid: undefined });
    expect(pod('IgnoreUnknown=1;X=1=2;K8S_POD_NAME=b;K8S_POD_NAMESPACE=a;K8S_POD_UID=')).toEqual({
      ...{ namespace: 'a', name: 'b', uid: undefined },
    });
    expect(pod('K8S_POD_NAME=b')).toBeUndefined();
    expect(pod(undefined)).toBeUndefined();
  });
});

describe('configuration', () => {
  test.each([
    ['{', /^6 the network configuration is no JSON \| /],
    ['', /^6 the network configuration is no JSON \| /],
    ['[]', /^6 the network configuration is no JSON object$/],
    ['null', /^6 the network configuration is no JSON object$/],
    ['"x"', /^6 the network configuration is no JSON object$/],
  ])('%j is refused', (input, text) => {
    expect(refusal({}, input)).toMatch(text);
  });

  test.each([
    [{ cniVersion: 1 }, '6 cniVersion must be text such as "1.0.0"'],
    [{ cniVersion: 'one' }, '6 cniVersion must be text such as "1.0.0"'],
    [{ cniVersion: '1.0' }, /^1 incompatible CNI versions/],
    [
      { cniVersion: '9.0.0' },
      '1 incompatible CNI versions | config is "9.0.0", plugin supports ["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]',
    ],
    [{ name: undefined }, '7 missing network name'],
    [{ name: '' }, '7 missing network name'],
    [{ name: 7 }, '7 missing network name'],
    [{ name: 'a b' }, '7 invalid characters found in network name | a b'],
    [{ name: '-a' }, '7 invalid characters found in network name | -a'],
    [{ mtu: 67 }, '7 mtu must be a whole number from 68 to 65535, or 0 for automatic'],
    [{ mtu: '1500' }, '7 mtu must be a whole number from 68 to 65535, or 0 for automatic'],
    [{ mtu: 1500 }, 'accepted'],
    [{ mtu: 0 }, 'accepted'],
    [{ capabilities: { ips: true }, runtimeConfig: { x: 1 }, args: { cni: {} }, colour: 'red' }, 'accepted'],
  ])('%j: %s', (config, text) => {
    expect(refusal({}, config)).toEqual(typeof text === 'string' ? text : expect.stringMatching(text));
  });

  test.each(['0.1.0', '0.2.0', '0.3.0', '0.3.1'])('CHECK came after version %s', version => {
    expect(refusal({ CNI_COMMAND: 'CHECK' }, { cniVersion: version })).toBe(
      `1 config version does not allow CHECK | CHECK came with 0.4.0, the config says ${version}`,
    );
  });

  test.each(['GC', 'STATUS'])('%s came with version 1.1.0', command => {
    for (const version of CNI_VERSIONS)
      expect(refusal({ CNI_COMMAND: command }, { cniVersion: version })).toBe(
        version === '1.1.0'
          ? 'accepted'
          : `1 config version does not allow ${command} | ${command} came with 1.1.0, the config says ${version}`,
      );
  });

  test('an absent or empty version is 0.1.0, which ADD and DEL may use', () => {
    for (const cniVersion of [undefined, '']) {
      const request = read({}, { cniVersion });
      expect(request.ok && request.value.config.cniVersion).toBe('0.1.0');
    }
    for (const version of CNI_VERSIONS) expect(refusal({}, { cniVersion: version })).toBe('accepted');
  });

  test.each([['all'], [[{ containerID: 'a' }]], [[{ containerID: 'a', ifname: 'eth0' }, null]]])(
    'GC with valid attachments %j does not begin: it would delete what it can’t read',
    attachments => {
      expect(refusal({ CNI_COMMAND: 'GC' }, { 'cni.dev/valid-attachments': attachments })).toBe(
        '7 cni.dev/valid-attachments must be a list of {"containerID", "ifname"}',
      );
    },
  );

  test.each([[undefined], [null]])('GC with valid attachments %j knows of none that must go', attachments => {
    const request = read({ CNI_COMMAND: 'GC' }, { 'cni.dev/valid-attachments': attachments });
    expect(request.ok && request.value.config.validAttachments).toBe(undefined);
  });

  test('GC reads its list', () => {
    const list = [{ containerID: 'a', ifname: 'eth0' }];
    const request = read({ CNI_COMMAND: 'GC' }, { 'cni.dev/valid-attachments': list });
    const older = read(
      { CNI_COMMAND: 'GC' },
      { 'cni.dev/valid-attachments': undefined, 'cni.dev/attachments': list },
    );
    for (const each of [request, older])
      expect(each.ok && each.value.config.validAttachments).toEqual([{ containerId: 'a', ifname: 'eth0' }]);
  });
});

test('runtimeConfig as containerd writes it, with the names of Go', () => {
  const request = read(
    {},
    {
      runtimeConfig: {
        portMappings: [{ HostPort: 8080, ContainerPort: 80, Protocol: 'tcp', HostIP: '' }],
        bandwidth: { IngressRate: 8e6, IngressBurst: 0, EgressRate: 0, EgressBurst: 0 },
      },
    },
  );
  expect(request.ok && request.value.attachment).toMatchObject({
    ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIp: undefined }],
    ingress: { bitsPerSecond: 8e6, burstBits: undefined },
    egress: undefined,
  });
});

describe('what an ADD asks for one interface', () => {
  const asked = (config: object, args = '') => {
    const request = read({ CNI_ARGS: `IgnoreUnknown=1;${args}` }, config);
    if (!request.ok) return request.fault.message;
    const { ips, ports, mac } = request.value.attachment;
    return { ips: ips.map(formatIp), ports, mac };
  };
  const mapping = { hostPort: 80, containerPort: 8080 };

  test.each(['TCP', 'udp', 'Sctp'])('a port of %s', protocol => {
    expect(asked({ runtimeConfig: { portMappings: [{ ...mapping, protocol }] } })).toMatchObject({
      ports: [{ ...mapping, protocol: protocol.toLowerCase(), hostIp: undefined }],
    });
  });

  test('a port of any address, of one, and none where the port is 0; without a protocol it is of TCP', () => {
    const portMappings = [
      ...['0.0.0.0', '::', '192.0.2.1'].map(hostIP => ({ ...mapping, hostIP })),
      { ...mapping, hostPort: 0 },
    ];
    const hostIps = [undefined, undefined, mustIp('192.0.2.1')];
    expect(asked({ runtimeConfig: { portMappings } })).toMatchObject({
      ports: hostIps.map(hostIp => ({ ...mapping, protocol: 'tcp', hostIp })),
    });
  });

  test('addresses and a MAC by the runtime’s word, else by args.cni, else by CNI_ARGS', () => {
    const args = 'IP=10.0.0.3,fd00::3;MAC=02:00:00:00:00:03';
    const older = { args: { cni: { ips: ['10.0.0.2'], mac: '02:00:00:00:00:02' } } };
    const runtime = { runtimeConfig: { ips: ['10.0.0.1/24', 'fd00::1'], mac: '02:00:00:00:00:01' } };
    expect(asked({}, args)).toMatchObject({ ips: ['10.0.0.3', 'fd00::3'], mac: '02:00:00:00:00:03' });
    expect(asked(older, args)).toMatchObject({ ips: ['10.0.0.2'], mac: '02:00:00:00:00:02' });
    expect(asked({ ...older, ...runtime }, args)).toMatchObject({
      ...{ ips: ['10.0.0.1', 'fd00::1'], mac: '02:00:00:00:00:01' },
    });
  });

  test('nothing by capabilities that are not ours, which are passed over', () => {
    const others = {
      infinibandGUID: '00:11',
      aliases: ['a'],
      dns: { servers: ['x'] },
      ipRanges: [[{}]],
      x: 1,
    };
    expect(asked({ runtimeConfig: others })).toEqual({ ips: [], ports: [], mac: undefined });
  });
});

test('a configuration that went bad after the ADD keeps no DEL from its work', () => {
  const bad = { mtu: 'large', include_default_routes: 'yes', runtimeConfig: { ips: 3 }, prevResult: 'gone' };
  expect(refusal({ CNI_COMMAND: 'DEL' }, bad)).toBe('accepted');
  expect(refusal({}, bad)).toMatch(/^7 mtu/);
});

test('versions compare number by number', () => {
  expect([...CNI_VERSIONS].reverse().sort(compareVersions)).toEqual(CNI_VERSIONS);
  expect(compareVersions('0.10.0', '0.9.0')).toBeGreaterThan(0);
});
