import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The agent's metrics, each in one place. */
export function agentMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    rounds: new Histogram({
      name: 'muslin_agent_enforce_seconds',
      help: 'Time from taking a change to having it in the kernel',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers,
    }),
    proofs: new Histogram({
      name: 'muslin_agent_proof_seconds',
      help: 'Time to prove that the rules of a round mean what the policies mean',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
      registers,
    }),
    proved: new Counter({
      name: 'muslin_agent_proofs_total',
      help: 'Rounds by what the proof of their rules came to',
      labelNames: ['outcome'],
      registers,
    }),
    inForce: new Histogram({
      name: 'muslin_agent_policy_enforced_seconds',
      help: 'Time from the API server telling of a version of a policy to having it in the kernel',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60],
      registers,
    }),
    denied: new Counter({
      name: 'muslin_policy_denied_packets_total',
      help: 'Packets that a policy was told to have denied: at most 50 a second of each rule are told of',
      labelNames: ['policy', 'rule', 'direction'],
      registers,
    }),
    rulePackets: new Counter({
      name: 'muslin_policy_rule_packets_total',
      help: 'Packets that a rule of a policy decided, by the kernel’s counters: of a connection the first, since replies and what follows pass before any rule',
      labelNames: ['policy', 'rule', 'direction', 'action'],
      registers,
    }),
    ruleBytes: new Counter({
      name: 'muslin_policy_rule_bytes_total',
      help: 'Bytes of the packets that a rule of a policy decided',
      labelNames: ['policy', 'rule', 'direction', 'action'],
      registers,
    }),
    flowsLost: new Counter({
      name: 'muslin_agent_flows_lost_total',
      help: 'Times that denied packets came faster than they were read',
      registers,
    }),
    faults: new Counter({
      name: 'muslin_agent_kernel_faults_total',
      help: 'Steps that the kernel refused',
      registers,
    }),
    endpoints: new Gauge({ name: 'muslin_agent_local_endpoints', help: 'Pods of this node', registers }),
    policies: new Gauge({
      name: 'muslin_agent_active_policies',
      help: 'Policies that apply to pods of this node',
      registers,
    }),
    judged: new Histogram({
      name: 'muslin_agent_flows_judged_seconds',
      help: 'Time to look at all tracked connections after a change of policy',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    cut: new Counter({
      name: 'muslin_agent_flows_cut_total',
      help: 'Established connections that were cut because a changed policy denies them',
      registers,
    }),
    cni: new Counter({
      name: 'muslin_cni_requests_total',
      help: 'Requests of the CNI executable by what they came to: ok, or why they were refused',
      labelNames: ['command', 'outcome'],
      registers,
    }),
    text: () => registry.metrics(),
  };
}
