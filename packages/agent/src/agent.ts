import { existsSync, mkdirSync } from 'node:fs';
import { EventRecorder, type FanoutThrough, type KubeClient, watchCluster } from '@muslin/kube';
import { watchNft } from '@muslin/linux';
import type { Family } from '@muslin/net';
import type { Logger } from 'pino';
import { NodeAddress } from './address/node-address.ts';
import { nodeInterfaces, sourceOf } from './address/node-interfaces.ts';
import { openSockets } from './agent-sockets.ts';
import { agentStatus } from './agent-status.ts';
import { counted } from './cni/refusals.ts';
import { ClusterView } from './cluster-view.ts';
import { AgentCore } from './core/agent-core.ts';
import { peeringAddresses } from './core/peering-addresses.ts';
import { Enforcement } from './enforcement.ts';
import { ClusterSource } from './fanout/cluster-source.ts';
import { streamOf } from './fanout/fanout-options.ts';
import { felixSettings, rulesIn } from './felix-settings.ts';
import { felixFor } from './felix-spec.ts';
import { DENIED_LOG, followFlows } from './flows/follow-flows.ts';
import { AddressLedger } from './ipam/address-ledger.ts';
import { AddressReporter } from './ipam/address-reporter.ts';
import { witnessAddresses } from './ipam/address-witness.ts';
import { clusterAddresses } from './ipam/cluster-addresses.ts';
import { DelegatedAddresses } from './ipam/delegated-addresses.ts';
import { FloatingAddresses } from './ipam/floating-addresses.ts';
import { chooseBackEnd, seeNodeRules } from './kernel/choose-back-end.ts';
import { watchHostLinks } from './kernel/host-links.ts';
import { Kernel } from './kernel/kernel.ts';
import { openKernelHandles } from './kernel/kernel-handles.ts';
import { watchNodeRules } from './kernel/node-rules-sight.ts';
import { LinkRemover } from './kernel/link-remover.ts';
import { PeeringLinks } from './kernel/peering-links.ts';
import { forwardPackets, prepareNode } from './kernel/node-settings.ts';
import { secondLook } from './kernel/second-look.ts';
import type { AgentOptions } from './options.ts';
import { startRehearsal } from './rehearsal.ts';
import { PolicyCounts } from './policy-counts.ts';
import { Announcements } from './pod/announcements.ts';
import { FoundPods } from './pod/found-pods.ts';
import { LimitKeeper } from './pod/limit-keeper.ts';
import { removeOrphans } from './pod/orphan-links.ts';
import { PodCache } from './pod/pod-cache.ts';
import { PodNetwork } from './pod/pod-network.ts';
import { startPreparing } from './pod/preparing.ts';
import { holdingsOf, SandboxStore } from './pod/sandbox-store.ts';
import { openTunnels } from './tunnel/open-tunnels.ts';
import { tunnelSettings } from './tunnel/tunnel-settings.ts';

/** A running agent. */
export interface Agent {
  stop(): Promise<void>;
}

/** Joins the core with the kernel, the API server and the plugin's socket. Throws when the node can't serve at all. */
export async function startAgent(options: AgentOptions, client: KubeClient, log: Logger): Promise<Agent> {
  mkdirSync(options.runDir, { recursive: true, mode: 0o755 });
  const families: readonly Family[] = existsSync('/proc/sys/net/ipv6') ? [4, 6] : [4];
  prepareNode(log);
  let seen = await seeNodeRules();
  let word = felixFor([], options.node, undefined);
  let settings = felixSettings(word);
  let overlaySettings = tunnelSettings(word);
  let choice = chooseBackEnd(options, settings, seen);
  const handles = openKernelHandles(seen.iptables.backend);
  const { door, netlink, tracker } = handles;

  const core = new AgentCore({
    node: options.node,
    families,
    endpointToHostAction: 'Accept',
    ...(options.flows === 'on' && { deniedLog: DENIED_LOG }),
  });
  const kernel = new Kernel(door, families, choice.backEnd);
  const pods = new PodCache();
  const view = new ClusterView(options.node, core, pods);
  const links = LinkRemover.open();
  const peering = new PeeringLinks(netlink, line => log.warn(line));
  const established = () => settings.established ?? options.established;
  const heed = () => {
    word = felixFor(view.felix.values(), options.node, core.snapshot.nodes.get(options.node)?.labels);
    settings = felixSettings(word);
    overlaySettings = tunnelSettings(word);
    log.level = settings.logLevel;
    const { routeSources: sources, removeExternalRoutes: alone } = settings;
    core.tell({ type: 'settings', rules: rulesIn(settings), routes: { sources, alone } });
    floating.poke();
    if (!enforcer.started) return;
    if (settings.ipForwarding) forwardPackets(families, log);
    configure();
  };
  const configure = () => {
    const next = chooseBackEnd(options, settings, seen);
    if (next.backEnd !== choice.backEnd || !enforcer.started)
      log.info(next, enforcer.started ? 'rules move to another back end' : 'back end chosen');
    choice = next;
    if (choice.backEnd === kernel.backEnd) return;
    kernel.use(choice.backEnd);
    enforcer.lookAgain();
  };

  const enforcement = new Enforcement({
    ...{ options, core, kernel, netlink, client, established, log },
    tracker,
    onEnforced: () => answerPods(),
  });
  const { cutter, enforcer, metrics, since } = enforcement;
  const answerPods = () => {
    const wanted = peeringAddresses({
      ...{ node: options.node, snapshot: core.snapshot, locals: core.locals },
      ...{ peers: view.bgpPeers, settings: view.bgpSettings },
    });
    const before = core.desired();
    core.tell({ type: 'peering', interfaces: new Set(wanted.map(({ interfaceName }) => interfaceName)) });
    if (core.desired() !== before) enforcer.poke();
    peering.keep(wanted);
  };
  const stopLinks = watchHostLinks(netlink, found => {
    core.tell({ type: 'links', links: found });
    if (core.needsLinks) enforcer.poke();
  });
  const stopSight = watchNodeRules(seen, now => {
    seen = now;
    configure();
  });

  const counts = new PolicyCounts({
    read: isThere => kernel.totals(isThere),
    state: () => enforcement.state,
    metrics,
    now: performance.now.bind(performance),
  });
  const { flowLog, stop: stopFlows } = followFlows({
    ...{ enforcement, tracker, on: options.flows === 'on' },
    onFault: message => log.error(`denied packets can't be told of: ${message}`),
  });
  const sandboxes = new SandboxStore(`${options.stateDir}/sandboxes`);
  const ledger = new AddressLedger(entry => log.info(entry, `address ${entry.what}`));
  const addresses = clusterAddresses({
    ledger,
    client,
    node: options.node,
    stateDir: options.stateDir,
    snapshot: () => core.snapshot,
    config: () => view.ipamConfig,
    reservations: () => view.reservations,
    namespaceAnnotations: name => view.namespaces.get(name)?.metadata.annotations ?? {},
    holdings: () => holdingsOf(sandboxes.all()),
    keep: options.keepAddresses,
    onShort: () => preparing.pods.yieldOne(),
    onHand: () => preparing.soon(),
    onExpected: () => preparing.now(),
    log: line => log.warn(line),
  });
  const book = new DelegatedAddresses({
    ...{ book: addresses, stateDir: options.stateDir, ledger },
    podCidrs: () => core.snapshot.nodes.get(options.node)?.podCidrs ?? [],
    log: line => log.warn(line),
  });
  const preparing = startPreparing({
    ...{ wish: options.prepare, node: options.node, core, enforcer, addresses: book },
    expect: count => addresses.expect(count),
  });
  const announcements = new Announcements({
    client,
    isBusy: () => network.busy,
    isThere: sandbox => sandboxes.get(sandbox.containerId, sandbox.ifname) === sandbox,
    log: line => log.warn(line),
  });
  const events = new EventRecorder(
    client,
    { component: 'muslin-agent', instance: options.node },
    { onFault: fault => log.warn(fault.message) },
  );
  const floating = new FloatingAddresses({
    ...{ client, node: options.node, core, pods, ledger },
    enabled: () => settings.floatingIps,
    config: () => view.ipamConfig,
    reservations: () => view.reservations,
    blocks: () => view.blocks.values(),
    enforce: () => enforcer.enforce(),
    tell: note => events.record(note),
    log: line => log.warn(line),
  });
  const found = new FoundPods({
    ...{ node: options.node, core, families, netlink, settings: () => settings },
    onNews: () => enforcer.poke(),
    log: line => log.warn(line),
  });
  const warn = (line: string) => log.warn(line);
  const limits = new LimitKeeper({ sandboxes, netlink, everyMs: options.refreshMs, log: warn });
  const address = new NodeAddress({
    client,
    node: options.node,
    methods: options.autodetection,
    onChange: options.addressChange,
    object: () => view.ownNode,
    nodes: () => core.snapshot.nodes,
    interfaces: () => nodeInterfaces(netlink),
    sourceOf: (destination, family) => sourceOf(netlink, destination, family),
    log,
  });
  const keeper = openTunnels({
    ...{ options, client, core, view, enforcer, netlink, wireguard: handles.wireguard, log },
    settings: () => settings,
    overlay: () => overlaySettings,
  });
  const network = new PodNetwork({
    client,
    core,
    sandboxes,
    addresses: book,
    netlink,
    removeLink: name => links.remove(name),
    // Before the first round there is nothing that could be waited for: whatever is gone is not put in.
    enforce: () => {
      floating.poke();
      return enforcer.started ? enforcer.enforce() : Promise.resolve();
    },
    enforceInPassing: () => {
      floating.poke();
      return enforcer.started ? enforcer.enforceInPassing() : Promise.resolve();
    },
    ...{ forgetFlows: ips => cutter.forget(ips), hurryFlows: () => cutter.hurry() },
    audit: async () => (enforcement.ready ? enforcement.missing() : undefined),
    unrouted: hostInterface => enforcement.unrouted.get(hostInterface),
    ready: () => enforcement.ready,
    trouble: () => enforcement.trouble,
    pods,
    prepared: preparing.pods,
    onServed: sandbox => announcements.add(sandbox),
    knowsAll: () => source.knowsAll,
    mtu: () => keeper.mtu().pods,
    log: line => log.warn(line),
  });
  await network.restore();
  await removeOrphans(netlink, links, sandboxes, log);
  const addressReporter = new AddressReporter({
    client,
    ledger,
    node: options.node,
    nodeUid: () => view.ownNode?.metadata.uid,
    nodeAddress: () => address.word,
    overlay: () => keeper.word,
    look: () => witnessAddresses({ netlink, families, sandboxes: () => sandboxes.all() }),
    log: line => log.warn(line),
  });
  addressReporter.poke();

  /** How far a controller has followed each kind, also where nothing of it is for this node. */
  const followed = (through: FanoutThrough) => {
    const news = Object.entries(through).filter(([kind, version]) => since.sawThrough(kind, version));
    if (news.length > 0 && enforcer.started) enforcer.poke();
  };
  const source = new ClusterSource({
    watch: onSighting => watchCluster(client, onSighting, (kind, message) => log.warn({ kind }, message)),
    ...(options.fanout !== undefined && { stream: streamOf(options.node, options.fanout, log, followed) }),
    fallBackMs: options.fanout?.fallBackMs ?? 0,
    onMembers: (id, change) => core.tell({ type: 'members', id, change }),
    onNews: () => enforcer.poke(),
    onTurn: (to, why) => log.warn({ to }, why),
    onSighting: sighting => {
      const { kind, object, gone, policyKey } = sighting;
      since.saw(kind, object, policyKey, gone);
      const moved = view.saw(sighting);
      if (moved.block) addresses.sawBlock(object, gone);
      if (moved.block) floating.sawBlock(object);
      if (moved.settings) heed();
      if (moved.pod) {
        floating.poke();
        preparing.pods.saw(object, gone);
        preparing.soon();
      }
      if (moved.pod || moved.settings) found.poke();
      if (moved.ownNode) address.poke();
      if (moved.overlay || (moved.pod && settings.routeSource === 'WorkloadIPs')) keeper.poke();
    },
  });
  const look = secondLook(() => {
    enforcer.lookAgain();
    void limits.look();
    found.poke();
  });
  const changes = watchNft({ onChange: look.soon, isOurs: pid => door.runs(pid) });
  if (!changes.ok)
    log.warn({ fault: changes.fault.message }, 'foreign changes of rules are only seen from time to time');
  source.start();
  const rehearsal = { families, backEnd: choice.backEnd, isBusy: () => network.busy, log };
  const stopRehearsal = startRehearsal(options.rehearse, rehearsal);
  void source.whenSynced().then(() => {
    log.info({ source: source.source }, 'the view of the cluster is complete: enforcing');
    heed();
    if (settings.ipForwarding) forwardPackets(families, log);
    configure();
    addresses.sawAllBlocks(view.blocks.values());
    // Its routes are wanted from the first round on, or that would take them away.
    keeper.start();
    address.start();
    floating.start();
    found.start();
    limits.start();
    enforcer.start();
  });

  const serve = counted(network.handle.bind(network), metrics.cni, note => events.record(note));
  const sockets = await openSockets({
    ...{ options, serve, metrics, counts, flowLog, log },
    status: () =>
      agentStatus({
        ...{ options, core, enforcement, source, addresses, floating, found, address, keeper, sandboxes },
        ...{ dataplane: choice, established: established(), prepared: preparing.pods },
      }),
  });
  return {
    async stop() {
      stopLinks();
      stopSight();
      stopRehearsal();
      sockets.close();
      if (changes.ok) changes.value.stop();
      look.stop();
      keeper.stop();
      peering.stop();
      address.stop();
      preparing.stop();
      announcements.stop();
      addressReporter.stop();
      stopFlows();
      addresses.stop();
      book.stop();
      found.stop();
      limits.stop();
      await Promise.all([enforcement.stop(), source.stop(), floating.stop(), events.stop()]);
      links.close();
      tracker.close();
      await kernel.close();
      handles.wireguard.close();
      netlink.close();
    },
  };
}
