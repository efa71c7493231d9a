import type {
  ActivePolicy,
  Endpoint,
  EndpointPlan,
  HostState,
  Labels,
  PolicyKey,
  SetId,
  Snapshot,
} from '@muslin/api';
import { formatPrefix, type Ip, PrefixTrie, sameIp, widthOf } from '@muslin/net';
import { endpointPlan } from './endpoint-plan.ts';
import type { Locator } from './locator.ts';
import { type PodTunnels, podTunnelsOf } from './pod-tunnels.ts';
import type { PolicyView } from './policy-view.ts';
import { resolvePolicy } from './resolved-policy.ts';
import {
  membersOfEndpoint,
  membersOfNetworkSet,
  membersOfNode,
  membersOfService,
  type Offering,
  portMember,
  type SetMeaning,
} from './set-meaning.ts';
import { hostLabelsOf, hostState, labelsOf, networkSetLabelsOf, policiesSelecting } from './specification.ts';

/**
 * Answers what `viewOf(nodeState(snapshot, node))` would answer, for every node and without listing any set: who has
 * the address is looked up first, and only that endpoint is asked. Remembers plans, rules and labels.
 */
export class SnapshotView implements PolicyView {
  readonly #snapshot: Snapshot;
  readonly #locator: Locator;
  readonly #plans = new Map<string, EndpointPlan>();
  readonly #policies = new Map<PolicyKey, ActivePolicy | undefined>();
  readonly #meanings = new Map<SetId, SetMeaning>();
  readonly #hosts = new Map<string, HostState | undefined>();
  readonly #tunnels = new Map<string, PodTunnels>();
  readonly #labels = new Map<string, Labels>();
  readonly #networks = new Map<SetId, PrefixTrie<true>>();
  readonly #services = new Map<SetId, ReadonlySet<string>>();

  constructor(snapshot: Snapshot, locator: Locator) {
    this.#snapshot = snapshot;
    this.#locator = locator;
  }

  /** The ordered policies of a pod. */
  plan(endpoint: Endpoint): EndpointPlan {
    const known = this.#plans.get(endpoint.key);
    if (known !== undefined) return known;
    const selecting = policiesSelecting(this.#snapshot, endpoint);
    const plan = endpointPlan(endpoint, selecting, this.#snapshot.tiers);
    this.#plans.set(endpoint.key, plan);
    return plan;
  }

  /** The host endpoints of a node; undefined when there is none. */
  hosts(node: string): HostState | undefined {
    if (this.#snapshot.hostEndpoints.size === 0) return undefined;
    if (!this.#hosts.has(node)) this.#hosts.set(node, hostState(this.#snapshot, node));
    return this.#hosts.get(node);
  }

  /** What pods of a node may send of tunnels. */
  podTunnels(node: string): PodTunnels {
    let known = this.#tunnels.get(node);
    if (known === undefined) this.#tunnels.set(node, (known = podTunnelsOf(this.#snapshot, node)));
    return known;
  }

  /** One view answers for every node: sets are the same on all. */
  at(): PolicyView {
    return this;
  }

  policy(key: PolicyKey): ActivePolicy | undefined {
    const known = this.#policies.get(key);
    if (known !== undefined) return known;
    const policy = this.#snapshot.policies.get(key);
    if (policy === undefined) return undefined;
    const resolved = resolvePolicy(policy);
    this.#policies.set(key, resolved.active);
    for (const [id, meaning] of resolved.sets) this.#meanings.set(id, meaning);
    return resolved.active;
  }

  netMember(set: SetId, ip: Ip, text: string): string | undefined {
    const meaning = this.#meanings.get(set);
    if (meaning === undefined) return undefined;
    const host = `${text}/${widthOf(ip.family)}`;
    if (meaning.kind === 'service-addresses') return this.#serviceMember(set, meaning, host);
    if (meaning.kind === 'nodes') return this.#nodeMember(meaning, ip, host);
    if (this.#endpointMember(meaning, text, host)) return host;
    const network = this.#networksOf(set, meaning).longest(ip);
    return network === undefined ? undefined : formatPrefix(network.prefix);
  }

  portMember(set: SetId, text: string, protocol: number, port: number): string | undefined {
    const meaning = this.#meanings.get(set);
    const member = portMember(text, protocol, port);
    if (meaning === undefined || member === undefined) return undefined;
    if (meaning.kind === 'service') return this.#serviceMember(set, meaning, member);
    return this.#endpointMember(meaning, text, member) ? member : undefined;
  }

  #endpointMember(meaning: SetMeaning, address: string, member: string): boolean {
    const brings = (offering: Offering, labels: Labels) =>
      membersOfEndpoint(meaning, offering, labels).includes(member);
    return (
      this.#locator.podsAt(address).some(pod => brings(pod, this.#labelsOf(pod))) ||
      this.#locator.hostsAt(address).some(host => brings(host, hostLabelsOf(this.#snapshot, host)))
    );
  }

  #nodeMember(meaning: SetMeaning, ip: Ip, host: string): string | undefined {
    const nodes = [...this.#snapshot.nodes.values()].filter(node => node.ips.some(own => sameIp(own, ip)));
    return nodes.some(node => membersOfNode(meaning, node).includes(host)) ? host : undefined;
  }

  #labelsOf(endpoint: Endpoint): Labels {
    let labels = this.#labels.get(endpoint.key);
    if (labels === undefined) this.#labels.set(endpoint.key, (labels = labelsOf(this.#snapshot, endpoint)));
    return labels;
  }

  #serviceMember(set: SetId, meaning: SetMeaning, member: string): string | undefined {
    let members = this.#services.get(set);
    if (members === undefined) {
      const service = 'service' in meaning ? this.#snapshot.services.get(meaning.service) : undefined;
      members = new Set(service === undefined ? [] : membersOfService(meaning, service));
      this.#services.set(set, members);
    }
    return members.has(member) ? member : undefined;
  }

  #networksOf(set: SetId, meaning: SetMeaning): PrefixTrie<true> {
    let trie = this.#networks.get(set);
    if (trie === undefined) {
      trie = new PrefixTrie();
      for (const networkSet of this.#snapshot.networkSets.values()) {
        const labels = networkSetLabelsOf(this.#snapshot, networkSet);
        if (membersOfNetworkSet(meaning, networkSet, labels).length === 0) continue;
        for (const net of networkSet.nets) trie.set(net, true);
      }
      this.#networks.set(set, trie);
    }
    return trie;
  }
}
