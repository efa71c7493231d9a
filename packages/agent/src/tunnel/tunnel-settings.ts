import { TUNNEL_DEFAULTS, type TunnelSettings } from '@muslin/dataplane';
import type { AnyObject } from '@muslin/kube';

type Spec = { readonly [field: string]: unknown };

/**
 * What FelixConfigurations say of tunnels: `default`, then `node.<name>`, whose fields win. A value that makes no sense, and
 * an MTU of 0, are as if they were not there.
 */
export function tunnelSettings(configurations: Iterable<AnyObject>, node: string): TunnelSettings {
  const byName = new Map([...configurations].map(object => [object.metadata.name, object]));
  const spec: Spec = Object.assign(
    {},
    ...['default', `node.${node}`].map(name => byName.get(name)?.['spec'] as Spec | undefined),
  );
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
  return {
    vni: whole('vxlanVNI', 1, 0xff_ffff) ?? TUNNEL_DEFAULTS.vni,
    vxlanPort: whole('vxlanPort', 1, 65_535) ?? TUNNEL_DEFAULTS.vxlanPort,
    vxlan: flag('vxlanEnabled'),
    ipip: flag('ipipEnabled'),
    mtu: { ...mtu('vxlan4', 'vxlanMTU'), ...mtu('vxlan6', 'vxlanMTUV6'), ...mtu('ipip', 'ipipMTU') },
    wireguard: {
      enabled: { 4: flag('wireguardEnabled') ?? false, 6: flag('wireguardEnabledV6') ?? false },
      port: {
        4: whole('wireguardListeningPort', 1, 65_535) ?? wireguard.port[4],
        6: whole('wireguardListeningPortV6', 1, 65_535) ?? wireguard.port[6],
      },
      mtu: { ...mtu('4', 'wireguardMTU'), ...mtu('6', 'wireguardMTUV6') },
      rulePriority: whole('wireguardRoutingRulePriority', 1, 32_765) ?? wireguard.rulePriority,
      keepAlive: wireguard.keepAlive,
    },
  };
}

/** Every IPv4 link carries this much (RFC 791). */
const SMALLEST_MTU = 68;
