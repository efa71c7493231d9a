/** A field that Muslin keeps and does not act on, unless it has one of the harmless values (as JSON). */
export interface UnsupportedField {
  readonly kind: string;
  readonly field: string;
  readonly harmless: readonly string[];
  readonly reason: string;
}

const felix = (field: string, reason: string, ...harmless: readonly string[]): UnsupportedField => ({
  ...{ kind: 'FelixConfiguration', field, harmless, reason: `kept, not acted on: ${reason}` },
});
const OFF = 'false';

/** By what page `docs/migration-from-calico.md` promises; a row goes when its field is acted on. */
export const UNSUPPORTED: readonly UnsupportedField[] = [
  felix('bpfEnabled', 'Muslin enforces by iptables or nftables, not by eBPF', OFF),
  felix('wireguardEnabled', 'Muslin does not encrypt; packets between nodes go in the clear', OFF),
  felix('wireguardEnabledV6', 'Muslin does not encrypt; packets between nodes go in the clear', OFF),
  felix(
    'defaultEndpointToHostAction',
    'what pods may reach on their node is for HostEndpoints to say',
    '"Return"',
    '"Accept"',
  ),
  felix('chainInsertMode', 'the chains of Muslin come first', '"Insert"'),
  felix('policySyncPathPrefix', 'application-layer rules need a program that is not here'),
  {
    ...{ kind: 'BGPPeer', field: 'localWorkloadSelector', harmless: [] },
    reason: 'kept, not acted on: nodes do not peer with their own pods',
  },
  {
    ...{ kind: 'IPPool', field: 'ipipMode', harmless: ['"Never"'] },
    reason:
      'kept, and no route goes through a tunnel: use vxlanMode, or let the network between nodes carry pod addresses',
  },
];
