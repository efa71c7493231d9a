import type { KubeClient } from '@muslin/kube';
import type { NetlinkSocket, WireguardKernel } from '@muslin/linux';
import type { Logger } from 'pino';
import type { ClusterView } from '../cluster-view.ts';
import type { AgentCore } from '../core/agent-core.ts';
import type { FelixSettings } from '../felix-settings.ts';
import type { Enforcer } from '../kernel/enforcer.ts';
import type { AgentOptions } from '../options.ts';
import { sizedLinks } from './mtu.ts';
import { nodePrefixes, workloadPrefixes } from './node-prefixes.ts';
import { TunnelAddresses } from './tunnel-addresses.ts';
import { TunnelKeeper, type TunnelKeeperOptions } from './tunnel-keeper.ts';
import { WireguardKeeper } from './wireguard-keeper.ts';

/** What the tunnels of a node hang on. */
export interface TunnelParts {
  readonly options: AgentOptions;
  readonly client: KubeClient;
  readonly core: AgentCore;
  readonly view: ClusterView;
  readonly enforcer: Pick<Enforcer, 'started' | 'lookAgain' | 'poke'>;
  readonly netlink: NetlinkSocket;
  readonly wireguard: WireguardKernel;
  readonly settings: () => FelixSettings;
  readonly overlay: TunnelKeeperOptions['settings'];
  readonly log: Logger;
}

/** Joins the tunnels with what the cluster says and with the rules that let them through; throws when the kernel refuses. */
export function openTunnels(parts: TunnelParts): TunnelKeeper {
  const { options, client, core, view, enforcer, netlink, settings, overlay, log } = parts;
  const { node, refreshMs } = options;
  const snapshot = () => core.snapshot;
  const tunnels = TunnelKeeper.open({
    ...{ node, netlink, snapshot, settings: overlay, refreshMs, log },
    prefixes: () =>
      settings().routeSource === 'WorkloadIPs'
        ? workloadPrefixes(core.snapshot)
        : nodePrefixes(view.blocks.values()),
    links: () => sizedLinks(netlink),
    mtuPattern: () => settings().mtuPattern,
    wireguard: new WireguardKeeper({ client, node, kernel: parts.wireguard, log }),
    addresses: new TunnelAddresses({
      ...{ client, node, snapshot },
      config: () => view.ipamConfig,
      reservations: () => view.reservations,
    }),
    onOverlay: ({ routes, peers, ipipPeers, devices }, touched) => {
      const vxlan = devices.some(device => device.kind === 'vxlan');
      const { vxlanPort } = overlay();
      core.tell({ type: 'tunnels', routes, vxlanPort, peers: vxlan ? peers : undefined, ipipPeers });
      if (!enforcer.started) return;
      if (touched) enforcer.lookAgain();
      else enforcer.poke();
    },
  });
  if (!tunnels.ok) throw new Error(tunnels.fault.message);
  return tunnels.value;
}
