import { fail, ok, type Result } from '@muslin/net';
import { type Attachment, readAttachment } from './attachment.ts';
import { CNI_CODE, type CniFault } from './cni-fault.ts';
import { type IpamChoice, readIpam } from './ipam-choice.ts';
import { type PrevResult, readPrevResult } from './prev-result.ts';

/** Versions of the CNI specification that we speak. */
export const CNI_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof CNI_VERSIONS)[number];

const COMMANDS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type CniCommand = (typeof COMMANDS)[number];

/** Which variables each command needs (CNI 1.1 §CNI operations). */
const REQUIRED: Readonly<Record<CniCommand, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
  GC: ['CNI_PATH'],
  STATUS: ['CNI_PATH'],
  VERSION: [],
};

/** Commands that came later than the configuration format. */
const SINCE: Partial<Readonly<Record<CniCommand, CniVersion>>> = {
  CHECK: '0.4.0',
  GC: '1.1.0',
  STATUS: '1.1.0',
};

/** The network configuration, as far as we read it; the rest is kept in `raw`. */
export interface CniConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly mtu: number | undefined;
  readonly ipam: IpamChoice;
  /** Result of the plugin before us, or of the ADD. */
  readonly prevResult: PrevResult | undefined;
  /** Whether the pod's default routes lead here; undefined: when it is the container's first interface. */
  readonly defaultRoute: boolean | undefined;
  /** Whether the pod may pass on packets of others (Calico's `container_settings.allow_ip_forwarding`). */
  readonly allowForwarding: boolean;
  /** GC: what must stay; undefined when the caller says nothing of it. */
  readonly validAttachments: readonly { readonly containerId: string; readonly ifname: string }[] | undefined;
  /** `dns` of the configuration, for the result: we need no name server. */
  readonly dns: Readonly<Record<string, unknown>>;
  readonly raw: Readonly<Record<string, unknown>>;
}

/** A pod as Kubernetes runtimes name it in CNI_ARGS; undefined parts when the caller is no kubelet. */
export interface CniPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | undefined;
}

/** A request that passed every rule of the specification. */
export interface CniRequest {
  readonly command: CniCommand;
  readonly containerId: string;
  /** Path of the namespace; empty when the runtime no longer has it. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_PATH and CNI_ARGS as they were, for plugins that we delegate to. */
  readonly path: string;
  readonly args: string;
  readonly pod: CniPod | undefined;
  readonly attachment: Attachment;
  readonly config: CniConfig;
}

/** Compares dotted versions number by number. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map(v => v.split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (x?.[i] ?? 0) - (y?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Judges environment and standard input by CNI 1.1; every fault has the code that the specification asks for. */
export function readCniRequest(
  env: ReadonlyMap<string, string>,
  input: string,
): Result<CniRequest, CniFault> {
  const command = COMMANDS.find(c => c === env.get('CNI_COMMAND'));
  if (command === undefined)
    return fail({
      code: CNI_CODE.invalidEnvironment,
      message: `unknown CNI_COMMAND: ${env.get('CNI_COMMAND')}`,
    });
  const missing = REQUIRED[command].filter(name => !env.get(name));
  if (missing.length > 0)
    return fail({
      code: CNI_CODE.invalidEnvironment,
      message: `required env variables [${missing.join(',')}] missing`,
    });
  const config = readConfig(input, command);
  if (!config.ok) return config;
  const containerId = env.get('CNI_CONTAINERID') ?? '';
  const ifname = env.get('CNI_IFNAME') ?? '';
  if (containerId !== '' && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId))
    return fail({
      code: CNI_CODE.invalidEnvironment,
      message: 'invalid characters in containerID',
      details: containerId,
    });
  // Whoever takes away or asks must not fail over it.
  if (command === 'ADD' && containerId.length > LONGEST_ID)
    return fail({
      code: CNI_CODE.invalidEnvironment,
      message: `containerID is longer than ${LONGEST_ID} characters`,
    });
  if (ifname !== '' && !isInterfaceName(ifname))
    return fail({ code: CNI_CODE.invalidEnvironment, message: 'invalid interface name', details: ifname });
  const args = readArgs(env.get('CNI_ARGS') ?? '');
  if (!args.ok) return args;
  const netns = env.get('CNI_NETNS') ?? '';
  // Whoever takes away or asks needs none of it, and must not fail over it.
  const attachment = command === 'ADD' ? readAttachment(config.value.raw, args.value) : ok(NOTHING_ASKED);
  if (!attachment.ok) return attachment;
  const pod = podIn(args.value);
  return ok({
    ...{ command, containerId, netns, ifname, pod },
    ...{ path: env.get('CNI_PATH') ?? '', args: env.get('CNI_ARGS') ?? '' },
    ...{ attachment: attachment.value, config: config.value },
  });
}

/** It becomes a part of a file's name and of an IPAMHandle's, neither of which may have more than 253 to 255. */
const LONGEST_ID = 200;

const NOTHING_ASKED: Attachment = {
  ...{ mac: undefined, ips: [], ports: [], ingress: undefined, egress: undefined },
};

function isInterfaceName(name: string): boolean {
  return Buffer.byteLength(name) <= 15 && name !== '.' && name !== '..' && !/[/:\s]/.test(name);
}

function readConfig(input: string, command: CniCommand): Result<CniConfig, CniFault> {
  let raw: unknown;
  try {
    raw = JSON.parse(input);
  } catch (error) {
    return fail({
      code: CNI_CODE.decodingFailure,
      message: 'the network configuration is no JSON',
      details: (error as Error).message,
    });
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    return fail({ code: CNI_CODE.decodingFailure, message: 'the network configuration is no JSON object' });
  const fields = raw as Record<string, unknown>;
  // Absent or empty means the first version (CNI 1.1 §Configuration format, libcni).
  const version = fields['cniVersion'] || '0.1.0';
  if (typeof version !== 'string' || !/^\d+(\.\d+){0,2}$/.test(version))
    return fail({ code: CNI_CODE.decodingFailure, message: 'cniVersion must be text such as "1.0.0"' });
  const known = CNI_VERSIONS.find(v => v === version);
  if (known === undefined)
    return fail({
      code: CNI_CODE.incompatibleVersion,
      message: 'incompatible CNI versions',
      details: `config is "${version}", plugin supports ${JSON.stringify(CNI_VERSIONS)}`,
    });
  const since = SINCE[command];
  if (since !== undefined && compareVersions(known, since) < 0)
    return fail({
      code: CNI_CODE.incompatibleVersion,
      message: `config version does not allow ${command}`,
      details: `${command} came with ${since}, the config says ${known}`,
    });
  const name = fields['name'];
  if (typeof name !== 'string' || name === '')
    return fail({ code: CNI_CODE.invalidConfig, message: 'missing network name' });
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
    return fail({
      code: CNI_CODE.invalidConfig,
      message: 'invalid characters found in network name',
      details: name,
    });
  // Whoever takes away or asks must not fail over it.
  const mtu = command === 'ADD' ? fields['mtu'] : undefined;
  if (
    mtu !== undefined &&
    mtu !== 0 &&
    !(Number.isInteger(mtu) && (mtu as number) >= 68 && (mtu as number) <= 65535)
  )
    return fail({
      code: CNI_CODE.invalidConfig,
      message: 'mtu must be a whole number from 68 to 65535, or 0 for automatic',
    });
  // libcni says it under both names; a list that its caller left out is null.
  const list = fields['cni.dev/valid-attachments'] ?? fields['cni.dev/attachments'] ?? undefined;
  const attachments = list === undefined ? undefined : readAttachments(list);
  // GC deletes what is not named: a list that can't be read must not begin it.
  if (command === 'GC' && list !== undefined && attachments === undefined)
    return fail({
      code: CNI_CODE.invalidConfig,
      message: 'cni.dev/valid-attachments must be a list of {"containerID", "ifname"}',
    });
  const flags = readFlags(command === 'ADD' ? fields : {});
  if (!flags.ok) return flags;
  const ipam = readIpam(fields['ipam'], command === 'ADD');
  if (!ipam.ok) return ipam;
  // A DEL succeeds whatever an ADD of long ago said.
  const prevResult =
    command === 'ADD' || command === 'CHECK' ? readPrevResult(fields['prevResult']) : ok(undefined);
  if (!prevResult.ok) return prevResult;
  return ok({
    cniVersion: known,
    name,
    mtu: mtu ? (mtu as number) : undefined,
    ipam: ipam.value,
    prevResult: prevResult.value,
    ...flags.value,
    validAttachments: attachments,
    dns: isRecord(fields['dns']) ? fields['dns'] : {},
    raw: fields,
  });
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Calico's `include_default_routes` and `container_settings.allow_ip_forwarding`, under their names. */
function readFlags(
  fields: Readonly<Record<string, unknown>>,
): Result<Pick<CniConfig, 'defaultRoute' | 'allowForwarding'>, CniFault> {
  const defaultRoute = fields['include_default_routes'] ?? undefined;
  const settings = (fields['container_settings'] ?? {}) as Readonly<Record<string, unknown>>;
  const allowForwarding = settings['allow_ip_forwarding'] ?? false;
  if (defaultRoute !== undefined && typeof defaultRoute !== 'boolean')
    return fail({ code: CNI_CODE.invalidConfig, message: 'include_default_routes must be true or false' });
  if (typeof allowForwarding !== 'boolean')
    return fail({
      code: CNI_CODE.invalidConfig,
      message: 'container_settings.allow_ip_forwarding must be true or false',
    });
  return ok({ defaultRoute, allowForwarding });
}

function readAttachments(value: unknown): CniConfig['validAttachments'] | undefined {
  if (!Array.isArray(value)) return undefined;
  const attachments = value.map(entry => {
    const { containerID, ifname } = (entry ?? {}) as Record<string, unknown>;
    return typeof containerID === 'string' && typeof ifname === 'string'
      ? { containerId: containerID, ifname }
      : undefined;
  });
  return attachments.every(a => a !== undefined) ? attachments : undefined;
}

const KNOWN_ARGS = new Set([
  'IgnoreUnknown',
  'K8S_POD_NAMESPACE',
  'K8S_POD_NAME',
  'K8S_POD_UID',
  'K8S_POD_INFRA_CONTAINER_ID',
  'IP',
  'MAC',
]);

/** `A=b;C=d`, in any order; unknown keys are a fault unless IgnoreUnknown is set (CNI conventions). */
function readArgs(text: string): Result<ReadonlyMap<string, string>, CniFault> {
  const args = new Map<string, string>();
  for (const part of text.split(';').filter(p => p !== '')) {
    const equals = part.indexOf('=');
    if (equals <= 0)
      return fail({
        code: CNI_CODE.invalidEnvironment,
        message: 'CNI_ARGS must be pairs KEY=value',
        details: part,
      });
    args.set(part.slice(0, equals), part.slice(equals + 1));
  }
  const said = args.get('IgnoreUnknown') ?? '0';
  const lenient = /^(1|t|true)$/i.test(said);
  if (!lenient && !/^(0|f|false)?$/i.test(said))
    return fail({
      code: CNI_CODE.invalidEnvironment,
      message: 'IgnoreUnknown must be 0 or 1',
      details: said,
    });
  const unknown = [...args.keys()].filter(key => !KNOWN_ARGS.has(key));
  if (unknown.length > 0 && !lenient)
    return fail({ code: CNI_CODE.invalidEnvironment, message: `unknown args ${JSON.stringify(unknown)}` });
  return ok(args);
}

function podIn(args: ReadonlyMap<string, string>): CniPod | undefined {
  const namespace = args.get('K8S_POD_NAMESPACE');
  const name = args.get('K8S_POD_NAME');
  return namespace && name ? { namespace, name, uid: args.get('K8S_POD_UID') || undefined } : undefined;
}
