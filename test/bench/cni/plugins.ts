/** One call of an executable as a container runtime makes it. */
export interface Call {
  readonly command: 'ADD' | 'DEL';
  readonly containerId: string;
  readonly netns: string;
  /** Kubernetes name of the pod; plugins that know no pods are given it all the same. */
  readonly pod: string;
  readonly uid: string;
}

/** A plugin to be measured: what ADD and DEL run. */
export interface Plugin {
  readonly name: string;
  readonly executable: string;
  readonly config: object;
  /** What starts when it is called, itself among them. */
  readonly files: readonly string[];
}

/** Where Debian's plugins are. */
export const BIN = '/usr/lib/cni';

/** An executable that does nothing: what calling any costs. */
export const NOTHING: Plugin = { name: '/bin/true', executable: '/bin/true', config: {}, files: [] };

/** Debian's plugins that do what ours does without policy: an address from a file, a cable, routes. */
export function debianPlugins(folder: string): readonly Plugin[] {
  const ipam = (name: string, subnet: string) => ({
    ...{ type: 'host-local', dataDir: `${folder}/${name}`, routes: [{ dst: '0.0.0.0/0' }] },
    ranges: [[{ subnet }]],
  });
  const bridge = {
    ...{ cniVersion: '1.0.0', name: 'bench-bridge', type: 'bridge', bridge: 'bench0', isGateway: true },
    ipam: ipam('bridge', '10.81.0.0/16'),
  };
  const ptp = { cniVersion: '1.0.0', name: 'bench-ptp', type: 'ptp', ipam: ipam('ptp', '10.82.0.0/16') };
  return [
    {
      ...{ name: 'bridge + host-local', executable: `${BIN}/bridge`, config: bridge },
      files: [`${BIN}/bridge`, `${BIN}/host-local`],
    },
    {
      ...{ name: 'ptp + host-local', executable: `${BIN}/ptp`, config: ptp },
      files: [`${BIN}/ptp`, `${BIN}/host-local`],
    },
  ];
}
