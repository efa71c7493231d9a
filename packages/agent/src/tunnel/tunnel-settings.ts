import { TUNNEL_DEFAULTS, type TunnelSettings } from '@muslin/dataplane';
import { type FelixWord, wordOf } from '../felix-spec.ts';

/** What FelixConfigurations say of tunnels. A value that makes no sense, and an MTU of 0, are as if they were not there. */
export function tunnelSettings({ spec }: Pick<FelixWord, 'spec'>): TunnelSettings {
  const flag = (field: string) => (typeof spec[field] === 'boolean' ? spec[field] : undefined);
  const whole = (field: string, min: number, max: number) => {
    const value = spec[field];
    return Number.isInteger(value) && Number(value) >= min && Number(value) <= max
      ? Number(value)
      : undefined;
  };
  const mtu = (name: string, field: string) => {
    const value = whole(field, SMALLEST_MTU, 65_535);
    return value === undefined ? {} : { [name]: value };
  };
  const { wireguard } = TUNNEL_DEFAULTS;
  const programs =
    wordOf(spec['programClusterRoutes'], ['Enabled', 'Disabled', 'EnabledNoEncapOnly']) ?? 'EnabledIPIPOnly';
  return {
    vni: whole('vxlanVNI', 1, 0xff_ffff) ?? TUNNEL_DEFAULTS.vni,
    vxlanPort: whole('vxlanPort', 1, 65_535) ?? TUNNEL_DEFAULTS.vxlanPort,
    vxlan: flag('vxlanEnabled'),
    ipip: flag('ipipEnabled'),
    mtu: { ...mtu('vxlan4', 'vxlanMTU'), ...mtu('vxlan6', 'vxlanMTUV6'), ...mtu('ipip', 'ipipMTU') },
    programs: {
      ipip: programs === 'Enabled' || programs === 'EnabledIPIPOnly',
      direct: programs === 'Enabled' || programs === 'EnabledNoEncapOnly',
    },
    wireguard: {
      enabled: { 4: flag('wireguardEnabled') ?? false, 6: flag('wireguardEnabledV6') ?? false },
      port: {
        4: whole('wireguardListeningPort', 1, 65_535) ?? wireguard.port[4],
        6: whole('wireguardListeningPortV6', 1, 65_535) ?? wireguard.port[6],
      },
      mtu: { ...mtu('4', 'wireguardMTU'), ...mtu('6', 'wireguardMTUV6') },
      rulePriority: whole('wireguardRoutingRulePriority', 1, 32_765) ?? wireguard.rulePriority,
      keepAlive: secondsOf(spec['wireguardKeepAlive']) ?? wireguard.keepAlive,
    },
  };
}

/** Every IPv4 link carries this much (RFC 791). */
const SMALLEST_MTU = 68;

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600 };

/** `1m30s` in whole seconds, 65,535 at most (WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL is 16 bits wide). */
function secondsOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) return undefined;
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const sum = parts.reduce((all, [, number, unit = '']) => all + Number(number) * (UNITS[unit] ?? 0), 0);
  return Math.min(65_535, Math.ceil(sum));
}
