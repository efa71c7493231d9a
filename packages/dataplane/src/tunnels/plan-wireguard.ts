import { type Family, formatIp, type Ip } from '@muslin/net';
import { planRoutes } from '../routes/plan.ts';
import { type Route, ROUTE_PROTOCOL_MUSLIN } from '../routes/route.ts';
import { WIREGUARD_NAMES } from './tunnel-settings.ts';
import { planPeers, type WireguardPeer, type WireguardPeerOp, type WireguardPlan } from './wireguard.ts';

/** A rule that leads packets without a mark to a table. */
export interface WireguardRule {
  readonly family: Family;
  readonly priority: number;
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
}

/** What the kernel holds of WireGuard of one family. */
export interface ActualWireguard {
  readonly device:
    | {
        readonly mtu: number;
        readonly up: boolean;
        readonly addresses: readonly Ip[];
        readonly port: number;
        readonly mark: number;
        /** Base64; absent while it has no private key. */
        readonly publicKey?: string;
        readonly peers: readonly WireguardPeer[];
      }
    | undefined;
  /** Rules that lead to our table. */
  readonly rules: readonly WireguardRule[];
  /** Of our table. */
  readonly routes: readonly Route[];
}

/** One step towards the wanted WireGuard. */
export type WireguardOp =
  | { readonly kind: 'create'; readonly name: string; readonly mtu: number }
  | { readonly kind: 'remove'; readonly name: string }
  | {
      readonly kind: 'configure';
      readonly name: string;
      readonly privateKey?: string;
      readonly port?: number;
      readonly mark?: number;
      readonly peers?: readonly WireguardPeerOp[];
    }
  | { readonly kind: 'raise'; readonly name: string; readonly mtu: number }
  | { readonly kind: 'add-address' | 'remove-address'; readonly name: string; readonly ip: Ip }
  | { readonly kind: 'add-rule' | 'remove-rule'; readonly rule: WireguardRule }
  | { readonly kind: 'route'; readonly action: 'add' | 'replace' | 'remove'; readonly route: Route };

/**
 * The least that turns what is there into what is wanted (undefined: nothing). The rule comes last and goes first: while it
 * stands, packets to others' pods have nowhere else to go. A device keeps its key, and so its sessions, as long as it lives.
 *
 * @param newKey private key for a device that has none, base64.
 */
export function planWireguard(
  wanted: WireguardPlan | undefined,
  actual: ActualWireguard,
  family: Family,
  newKey: string,
): readonly WireguardOp[] {
  const { device } = actual;
  const name = WIREGUARD_NAMES[family];
  const rule = wanted === undefined ? undefined : { family, ...wanted.rule };
  const ops: WireguardOp[] = actual.rules
    .filter(each => rule === undefined || !sameRule(each, rule))
    .map(each => ({ kind: 'remove-rule', rule: each }));
  if (wanted === undefined || rule === undefined) {
    if (device !== undefined) ops.push({ kind: 'remove', name });
    return ops;
  }
  if (device === undefined) ops.push({ kind: 'create', name, mtu: wanted.mtu });
  const peers = planPeers(wanted.peers, device?.peers ?? []);
  const change = {
    ...(device?.publicKey === undefined ? { privateKey: newKey } : {}),
    ...(device?.port === wanted.port ? {} : { port: wanted.port }),
    ...(device?.mark === wanted.mark ? {} : { mark: wanted.mark }),
    ...(peers.length === 0 ? {} : { peers }),
  };
  if (Object.keys(change).length > 0) ops.push({ kind: 'configure', name, ...change });
  if (device === undefined || !device.up || device.mtu !== wanted.mtu)
    ops.push({ kind: 'raise', name, mtu: wanted.mtu });
  const want = new Map(wanted.address === undefined ? [] : [[formatIp(wanted.address), wanted.address]]);
  const have = new Map((device?.addresses ?? []).map(ip => [formatIp(ip), ip]));
  for (const [text, ip] of want) if (!have.has(text)) ops.push({ kind: 'add-address', name, ip });
  for (const [text, ip] of have) if (!want.has(text)) ops.push({ kind: 'remove-address', name, ip });
  // Routes go with their device.
  const routes = device === undefined ? [] : actual.routes;
  const plan = planRoutes(wanted.routes, routes, ROUTE_PROTOCOL_MUSLIN);
  for (const action of ['add', 'replace', 'remove'] as const)
    for (const route of plan[action]) ops.push({ kind: 'route', action, route });
  if (!actual.rules.some(each => sameRule(each, rule))) ops.push({ kind: 'add-rule', rule });
  return ops;
}

function sameRule(a: WireguardRule, b: WireguardRule): boolean {
  return a.priority === b.priority && a.mark === b.mark && a.mask === b.mask && a.table === b.table;
}
