import { formatIp, type Ip, sameIp } from '@muslin/net';
import type { Overlay } from './overlay.ts';
import { entryKey, needsNewDevice, type TunnelDevice, type TunnelEntry } from './tunnel-device.ts';

/** What the kernel holds of our devices. Devices and entries that are not ours are not in here. */
export interface ActualTunnels {
  readonly devices: readonly TunnelDevice[];
  readonly entries: readonly TunnelEntry[];
}

/** One step towards the wanted tunnels. */
export type TunnelOp =
  | { readonly kind: 'create' | 'remove'; readonly device: TunnelDevice }
  | { readonly kind: 'change'; readonly device: TunnelDevice }
  | { readonly kind: 'add-address' | 'remove-address'; readonly device: string; readonly ip: Ip }
  | { readonly kind: 'put-entry' | 'remove-entry'; readonly entry: TunnelEntry };

/**
 * The least that turns what is there into what is wanted. A device is only made anew for what the kernel can't change,
 * since its routes go with it; new addresses and entries come before old ones go.
 */
export function planTunnels(
  wanted: Pick<Overlay, 'devices' | 'entries'>,
  actual: ActualTunnels,
): readonly TunnelOp[] {
  const ops: TunnelOp[] = [];
  const there = new Map(actual.devices.map(device => [device.name, device]));
  const names = new Set(wanted.devices.map(device => device.name));
  const gone = new Set<string>();
  const stirred = new Set<string>();
  for (const device of actual.devices) {
    // tunl0 is the kernel's and may be Calico's: it is only touched where it is wanted.
    if (names.has(device.name) || device.kind === 'ipip') continue;
    ops.push({ kind: 'remove', device });
    gone.add(device.name);
  }
  for (const device of wanted.devices) {
    let old = there.get(device.name);
    if (old !== undefined && needsNewDevice(device, old)) {
      ops.push({ kind: 'remove', device: old });
      gone.add(device.name);
      old = undefined;
    }
    if (old === undefined) ops.push({ kind: 'create', device });
    else if (!sameState(device, old)) ops.push({ kind: 'change', device });
    if (old !== undefined && losesEntries(device, old)) {
      stirred.add(device.name);
      old = { ...old, addresses: old.addresses.filter(ip => !device.addresses.some(own => sameIp(own, ip))) };
    }
    const [want, have] = [device.addresses, old?.addresses ?? []].map(
      ips => new Map(ips.map(ip => [formatIp(ip), ip])),
    );
    for (const [text, ip] of want ?? [])
      if (!have?.has(text)) ops.push({ kind: 'add-address', device: device.name, ip });
    for (const [text, ip] of have ?? [])
      if (!want?.has(text)) ops.push({ kind: 'remove-address', device: device.name, ip });
  }
  // Entries go with their device.
  const kept = new Map(
    actual.entries.filter(entry => !gone.has(entry.device)).map(entry => [entryKey(entry), entry]),
  );
  const keys = new Set(wanted.entries.map(entryKey));
  for (const entry of wanted.entries)
    if (stirred.has(entry.device) || kept.get(entryKey(entry))?.mac !== entry.mac)
      ops.push({ kind: 'put-entry', entry });
  for (const [key, entry] of kept) if (!keys.has(key)) ops.push({ kind: 'remove-entry', entry });
  return ops;
}

/** A new MAC, and a device that was down, cost all neighbours, permanent ones too, and IPv6 addresses. */
function losesEntries(wanted: TunnelDevice, actual: TunnelDevice): boolean {
  if (wanted.up !== actual.up) return true;
  return wanted.kind === 'vxlan' && actual.kind === 'vxlan' && wanted.mac !== actual.mac;
}

function sameState(a: TunnelDevice, b: TunnelDevice): boolean {
  if (a.mtu !== b.mtu || a.up !== b.up) return false;
  if (a.kind !== 'vxlan' || b.kind !== 'vxlan') return true;
  return a.mac === b.mac && a.offload === b.offload;
}
