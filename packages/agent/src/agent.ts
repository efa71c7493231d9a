import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { DEFAULT_IPAM_CONFIG, ipamConfigFromSpec } from '@muslin/ipam';
import type { KubeClient } from '@muslin/kube';
import {
  detectBackend,
  findLink,
  listLinks,
  listRoutes,
  type NetlinkSocket,
  openKernel,
  openRouteSocket,
  ROUTE_TABLE,
  serveStatus,
  sysctl,
} from '@muslin/linux';
import type { Family } from '@muslin/net';
import type { Logger } from 'pino';
import { answerTo, serveCni } from './cni/cni-server.ts';
import { AgentCore } from './core/agent-core.ts';
import { ownBlocks } from './core/own-blocks.ts';
import { EnforcedSince } from './enforced-since.ts';
import { Enforcer } from './kernel/enforcer.ts';
import { Kernel } from './kernel/kernel.ts';
import { clusterAddresses } from './ipam/cluster-addresses.ts';
import { agentMetrics } from './metrics.ts';
import type { AgentOptions } from './options.ts';
import { PodNetwork } from './pod/pod-network.ts';
import { SandboxStore } from './pod/sandbox-store.ts';

import { watchCluster } from './watches.ts';
import type { AnyObject } from '@muslin/kube';

/** A running agent. */
export interface Agent {
  stop(): Promise<void>;
}

const CNI_NETWORK = 'k8s-pod-network';

/** Joins the core with the kernel, the API server and the plugin's socket. Throws when the node can't serve at all. */
export async function startAgent(options: AgentOptions, client: KubeClient, log: Logger): Promise<Agent> {
  mkdirSync(options.runDir, { recursive: true, mode: 0o755 });
  const families: readonly Family[] = existsSync('/proc/sys/net/ipv6') ? [4, 6] : [4];
  prepareNode(families, log);
  const choice =
    options.iptables === 'auto' ? await detectBackend() : { backend: options.iptables, because: 'asked for' };
  log.info({ iptables: choice.backend, because: choice.because }, 'iptables back end chosen');
  const door = openKernel({ backend: choice.backend });
  if (!door.ok) throw new Error(door.fault.message);
  const socket = openRouteSocket();
  if (!socket.ok) throw new Error(socket.fault.message);
  const netlink = socket.value;

  const core = new AgentCore({ node: options.node, families, endpointToHostAction: 'Accept' });
  const kernel = new Kernel(door.value, families);
  const since = new EnforcedSince();
  const metrics = agentMetrics();
  const blocks = new Map<string, AnyObject>();
  const pods = new Map<string, AnyObject>();
  let mark = since.mark();
  let ipamConfig = DEFAULT_IPAM_CONFIG;
  let ready = false;

  const enforcer = new Enforcer({
    core,
    kernel,
    refreshMs: options.refreshMs,
    onTaken: () => {
      mark = since.mark();
    },
    onRound: round => {
      const now = performance.timeOrigin + performance.now();
      since.enforced(mark, now);
      ready = true;
      metrics.rounds.observe(round.ms / 1000);
      metrics.endpoints.set(round.desired.state.endpoints.size);
      metrics.policies.set(round.desired.state.policies.size);
      if (round.steps > 0) log.debug({ steps: round.steps, ms: Math.round(round.ms) }, 'kernel changed');
    },
    onFault: (fault, waitMs) => {
      metrics.faults.inc();
      log.error({ fault: fault.message, waitMs }, 'the kernel refused a step; reading back and trying again');
    },
  });

  const sandboxes = new SandboxStore(`${options.stateDir}/sandboxes`);
  const addresses = clusterAddresses({
    client,
    node: options.node,
    stateDir: options.stateDir,
    snapshot: () => core.snapshot,
    config: () => ipamConfig,
    reservations: () => [],
    log: line => log.warn(line),
  });
  const network = new PodNetwork({
    client,
    core,
    sandboxes,
    addresses,
    netlink,
    enforce: () => enforcer.enforce(),
    ready: () => ready,
    cachedPod: pod => pods.get(`${pod.namespace}/${pod.name}`),
    mtu: () => underlayMtu(netlink),
    log: line => log.warn(line),
  });
  await network.restore(CNI_NETWORK);

  const watches = watchCluster(
    client,
    ({ kind, object, gone, policyKey }) => {
      since.saw(kind, object, policyKey, gone);
      const { namespace, name = '' } = object.metadata;
      if (kind === 'IPAMBlock') {
        if (gone) blocks.delete(name);
        else blocks.set(name, object);
        core.tell({ type: 'blocks', blocks: ownBlocks(blocks.values(), options.node) });
      } else if (kind === 'IPAMConfiguration') {
        ipamConfig = gone ? DEFAULT_IPAM_CONFIG : ipamConfigFromSpec(object['spec']);
      } else {
        if (kind === 'Pod') {
          if (gone) pods.delete(`${namespace}/${name}`);
          else pods.set(`${namespace}/${name}`, object);
        }
        core.tell(gone ? { type: 'gone', object } : { type: 'object', object });
      }
      enforcer.poke();
    },
    (kind, fault) => log.warn({ kind, fault: fault.message }, 'watch broke; trying again'),
  );
  watches.start();
  void watches.whenSynced().then(() => {
    log.info('every watch is complete: enforcing');
    enforcer.start();
  });

  const serve = (request: Parameters<typeof network.handle>[0]) => network.handle(request);
  const cni = await serveCni(`${options.runDir}/cni.sock`, serve, line => log.error(line));
  void replayQueue(
    `${options.runDir}/cni-queue`,
    bytes => answerTo(bytes, serve, line => log.error(line)),
    log,
  );
  const status = await serveStatus(`${options.runDir}/agent.sock`, {
    '/healthz': () => 'ok\n',
    '/metrics': () => metrics.text(),
    '/v1/status': () => ({
      node: options.node,
      ready,
      iptables: choice,
      staleSince: watches.staleSince,
      appliedThrough: since.appliedThrough,
      policies: since.policies,
      endpoints: [...core.locals.values()].map(local => local.key),
    }),
  });
  return {
    async stop() {
      enforcer.stop();
      addresses.stop();
      cni.close();
      status.close();
      await watches.stop();
      await kernel.close();
      netlink.close();
    },
  };
}

/** A node that carries pods' packets is a router. */
function prepareNode(families: readonly Family[], log: Logger): void {
  const settings = [
    ['net/ipv4/ip_forward', 1],
    // Several equal routes are chosen by ports too, so that one busy pair doesn't ride on one link.
    ['net/ipv4/fib_multipath_hash_policy', 1],
    ...(families.includes(6) ? ([['net/ipv6/conf/all/forwarding', 1]] as const) : []),
  ] as const;
  for (const [key, value] of settings) {
    const set = sysctl(undefined, key, value);
    if (!set.ok) log.warn({ key, fault: set.fault.message }, 'a kernel setting could not be made');
  }
}

/** The MTU of the link that the default route leaves by; 1500 when there is none. */
function underlayMtu(netlink: NetlinkSocket): number {
  const routes = listRoutes(netlink, { family: 4, table: ROUTE_TABLE.main });
  const link = routes.ok
    ? routes.value.find(route => route.destination.length === 0)?.hops[0]?.link
    : undefined;
  if (link !== undefined) {
    const found = findLink(netlink, link);
    if (found.ok && found.value !== undefined) return found.value.mtu;
  }
  const links = listLinks(netlink);
  const mtus = links.ok
    ? links.value.filter(l => l.up && !l.loopback && !l.name.startsWith('msl')).map(l => l.mtu)
    : [];
  return mtus.length === 0 ? 1500 : Math.min(...mtus);
}

/** Serves the DELs that the executable kept while the agent was away. */
async function replayQueue(
  folder: string,
  answer: (bytes: Buffer) => Promise<Buffer>,
  log: Logger,
): Promise<void> {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)
    .filter(file => file.endsWith('.del'))
    .sort()) {
    const path = `${folder}/${name}`;
    const reply = await answer(readFileSync(path));
    if (reply.subarray(0, 2).toString() === '0 ') rmSync(path, { force: true });
    else log.warn({ path, answer: reply.toString().slice(0, 400) }, 'a kept DEL could not be served yet');
  }
}
