import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type AnyObject, apiVersionOf, RESOURCES } from '@muslin/kube';
import { execa } from 'execa';
import { startChild } from '../../packages/lab/src/child.ts';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { until } from '../../packages/lab/src/until.ts';
import type { TestCluster } from './lab-cluster.ts';

/** Where pods find BGP of their node, by family. */
export const PEERING = { 4: '169.254.0.179', 6: 'fd00:179::179' } as const;
/** What a router in a pod tells, by family. */
export const BEHIND = { 4: '10.123.0.0/26', 6: 'fd00:123::/122' } as const;

/** A router in a pod. */
export interface PodBird {
  readonly netns: string;
  readonly ips: readonly string[];
  /** Its sessions with the node, as BIRD shows them. */
  readonly state: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Runs BIRD in a pod of the namespace shop: it calls its node in both families, and tells it of `BEHIND`. */
export async function startPodBird(lab: TestCluster, pod: string): Promise<PodBird> {
  const { folder, topology } = lab.cluster;
  const record = readSandboxes(folder).find(({ name }) => name === pod);
  if (record === undefined) throw new Error(`no sandbox of ${pod}`);
  const { ips } = record;
  const [netns, file] = [basename(record.netns), `${folder}/bird-${pod}`];
  const session = (family: 4 | 6) => {
    const own = ips.find(ip => ip.includes(':') === (family === 6));
    return `
protocol static { ipv${family}; route ${BEHIND[family]} blackhole; }
protocol bgp node${family} {
  local ${own} as 65401;
  neighbor ${PEERING[family]} as ${topology.clusterAs};
  multihop;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv${family} { import all; export where source = RTS_STATIC; next hop self; };
}
`;
  };
  const head = `router id ${ips[0]};\nlog stderr all;\nprotocol device {}\n`;
  writeFileSync(`${file}.conf`, head + session(4) + session(6));
  const child = startChild({
    ...{ lab: topology.id, name: `bird-${pod}`, netns, log: `${file}.log` },
    command: ['bird', '-f', '-c', `${file}.conf`, '-s', `${file}.ctl`, '-P', `${file}.pid`],
  });
  return {
    netns,
    ips,
    state: () => inNetns(netns, 'birdc', '-r', '-s', `${file}.ctl`, 'show', 'protocols'),
    stop: () => child.stop(),
  };
}

/** What a program says in a network namespace; its fault where it fails. */
export async function inNetns(netns: string, ...command: readonly string[]): Promise<string> {
  const { all = '' } = await execa('ip', ['netns', 'exec', netns, ...command], {
    ...{ all: true, reject: false, timeout: 5_000 },
  });
  return all;
}

/** Creates an object without a namespace, or makes it what is given. */
export async function put(
  lab: TestCluster,
  kind: 'BGPPeer' | 'IPPool',
  name: string,
  spec: object,
): Promise<void> {
  const body = { apiVersion: apiVersionOf(RESOURCES[kind]), kind, metadata: { name }, spec };
  await lab.cluster.apply(body as AnyObject);
}

/** Gives the nodes the addresses at which their pods find BGP. */
export async function answerPods(lab: TestCluster): Promise<void> {
  const body = { spec: { localWorkloadPeeringIPV4: PEERING[4], localWorkloadPeeringIPV6: PEERING[6] } };
  const { client } = lab.cluster;
  const done = await client.patch(RESOURCES.BGPConfiguration, { name: 'default' }, { type: 'merge', body });
  if (!done.ok) throw new Error(done.fault.message);
}

/** Waits until a text is as it should be, and fails with the last one. */
export async function becomes(ask: () => Promise<string>, good: (text: string) => boolean): Promise<void> {
  const seen = await until(ask, text => text !== undefined && good(text), 30_000, 100);
  if (!seen.held) throw new Error(`the last was: ${seen.last}`);
}
