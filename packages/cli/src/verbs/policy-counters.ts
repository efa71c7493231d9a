import { ALL_NAMESPACES, NAMESPACE } from '../options.ts';
import type { Verb } from '../verb.ts';

/** What a node's kernel counted for each rule. */
export const policyCounters: Verb = {
  name: 'policy counters',
  args: '[names...]',
  options: [
    NAMESPACE,
    ALL_NAMESPACES,
    { flags: '-o, --output <form>', summary: 'json or yaml instead of a table', choices: ['json', 'yaml'] },
    { flags: '--socket <path>', summary: 'socket of the agent (default: /run/muslin/agent.sock)' },
  ],
  summary: 'show how many packets met each rule of each policy on this node',
  details: `Asks the agent of the node that it runs on, through its socket, which only root may open. From elsewhere:
kubectl exec -n kube-system POD -c agent -- muslinctl policy counters -A. Prometheus has the same as
muslin_policy_rule_packets_total and muslin_policy_rule_bytes_total.

The kernel counts the packets that a rule decided: of a connection the first, since the rest is let through before any
rule is asked; packets that nobody answers, and denied ones, each. Rules that no packet met are not shown. Where
several rules allow the same, the first is counted. A line of kind Tier is what the end of that tier denied. Counts go
on over changes of policies; they begin anew when the agent does, and a policy's when it is made anew.

Exit code: 0 shown, 1 the agent did not answer, or a policy was named that has no counts, 2 bad usage.`,
  examples: ['muslinctl policy counters -A', 'muslinctl policy counters db -n shop -o json'],
  async run(ctx, input) {
    const { showPolicyCounters } = await import('../policy/show-policy-counters.ts');
    return showPolicyCounters(ctx, input);
  },
};
