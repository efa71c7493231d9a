import { type AnyObject, RESOURCES } from '@muslin/kube';
import { parse } from 'yaml';
import { Report } from '../../packages/lab/src/checks.ts';
import { Cluster } from '../../packages/lab/src/cluster.ts';
import { sweep } from '../../packages/lab/src/instance.ts';
import type { Addressing, Overlay } from '../../packages/lab/src/options.ts';
import type { LabPod } from '../../packages/lab/src/pods/pod-action.ts';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { notYet } from '../../packages/lab/src/story/enforced.ts';
import { startSample } from '../../packages/lab/src/story/story.ts';
import { until } from '../../packages/lab/src/until.ts';
import type { Way } from './continuous-probe.ts';

/** A cluster for tests, with what they ask again and again. */
export class TestCluster {
  readonly cluster: Cluster;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async up(
    id: string,
    nodes: number,
    pods: number,
    tor: 'bird' | 'none' = 'bird',
    agentArgs: readonly string[] = [],
    overlay: Overlay = 'none',
    fanout = false,
    family: Addressing = 'ipv4',
  ): Promise<TestCluster> {
    await sweep(id);
    const report = new Report(() => {}, false);
    const cluster = await Cluster.up({ id, nodes, tor, agentArgs, overlay, fanout, family }, report);
    if (pods > 0) await startSample(cluster, pods, report);
    const bad = report.checks.filter(check => !check.ok);
    if (bad.length > 0) throw new Error(bad.map(check => `${check.name}: ${check.seen}`).join('; '));
    return new TestCluster(cluster);
  }

  /** Applies YAML and waits until every node enforces it. */
  async enforce(yaml: string): Promise<void> {
    const applied = await this.cluster.apply(parse(yaml) as AnyObject);
    const { namespace, name, resourceVersion } = applied.metadata;
    await this.untilEnforced(new Map([[`knp/${namespace}/${name}`, resourceVersion as string]]));
  }

  async untilEnforced(
    policies: ReadonlyMap<string, string | undefined>,
    through: Record<string, string> = {},
  ): Promise<void> {
    const { nodes } = this.cluster.topology;
    const ask = async () => {
      const pairs = nodes.map(async node => [node.name, await this.cluster.agentStatus(node)] as const);
      return notYet({ policies, through }, new Map(await Promise.all(pairs)));
    };
    const waited = await until(ask, missing => missing.length === 0, 60_000, 20);
    if (!waited.held) throw new Error(`not enforced: ${waited.last.join('; ')}`);
  }

  /** From one pod to a port of another. */
  way(from: string, to: string, port: number): Way {
    const find = (pod: string) => {
      const record = readSandboxes(this.cluster.folder).find(r => `${r.namespace}/${r.name}` === pod);
      if (record === undefined) throw new Error(`no sandbox of ${pod}`);
      return record;
    };
    return { netns: find(from).netns, ip: find(to).ips[0] as string, port };
  }

  async pods(): Promise<readonly LabPod[]> {
    const list = await this.cluster.client.listAll<LabPod & AnyObject>(RESOURCES.Pod);
    return list.ok ? list.value.items : [];
  }

  down(): Promise<void> {
    return this.cluster.down();
  }
}
