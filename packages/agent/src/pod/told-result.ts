import { type Ip, mustIp, parseIp, sameIp } from '@muslin/net';
import type { CniRequest } from '../cni/cni-request.ts';
import type { Sandbox } from './sandbox-store.ts';

/** What the runtime keeps of an ADD and sends with CHECK, as far as it is about one interface. What it lacks is undefined. */
export interface ToldResult {
  /** Whether the container's interface is in it. */
  readonly named: boolean | undefined;
  /** Names of interfaces on the node. */
  readonly onNode: readonly string[] | undefined;
  readonly mac: string | undefined;
  /** Its addresses; undefined ones can't be read. */
  readonly ips: readonly { readonly text: string; readonly ip: Ip | undefined }[] | undefined;
}

/** Reads the `prevResult` of a CHECK (CNI 1.1 §CHECK, results since 0.4.0). */
export function toldOf({ config: { prevResult }, ifname, netns }: CniRequest): ToldResult {
  const listed = recordsIn(prevResult?.['interfaces']);
  const ips = recordsIn(prevResult?.['ips']);
  const place = listed?.findIndex(each => each['name'] === ifname && each['sandbox'] === netns) ?? -1;
  const mac = listed?.[place]?.['mac'];
  return {
    named: listed === undefined ? undefined : place >= 0,
    onNode: listed?.filter(each => !each['sandbox']).map(each => String(each['name'])),
    mac: typeof mac === 'string' && mac !== '' ? mac.toLowerCase() : undefined,
    ips: ips
      ?.filter(each => each['interface'] === undefined || each['interface'] === place)
      .map(each => {
        const text = String(each['address']);
        const ip = parseIp(text.split('/', 1)[0] ?? '');
        return { text, ip: ip.ok ? ip.value : undefined };
      }),
  };
}

/** Where what the runtime keeps is not what ADD said; each a sentence. */
export function contradictions(
  { named, onNode, ips }: ToldResult,
  { ifname, hostInterface, ips: own }: Sandbox,
): readonly string[] {
  const isOwn = (ip: Ip | undefined) => ip !== undefined && own.some(each => sameIp(mustIp(each), ip));
  const foreign = ips?.filter(({ ip }) => !isOwn(ip)) ?? [];
  const lost = own.filter(each => ips?.some(({ ip }) => ip && sameIp(mustIp(each), ip)) === false);
  return [
    ...(named === false ? [`prevResult has no interface ${ifname} of this namespace`] : []),
    ...(onNode === undefined || onNode.includes(hostInterface)
      ? []
      : [`prevResult has no interface ${hostInterface} on the node`]),
    ...foreign.map(({ text }) => `prevResult has ${text}, which ADD did not give to ${ifname}`),
    ...lost.map(ip => `prevResult lacks address ${ip} of ${ifname}`),
  ];
}

function recordsIn(value: unknown): readonly Readonly<Record<string, unknown>>[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.map(each => (typeof each === 'object' && each !== null ? each : {}));
}
