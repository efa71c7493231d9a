import type { Verb } from '../verb.ts';

/** What this node denied just now, and by which rule. */
export const flows: Verb = {
  name: 'flows',
  args: '',
  options: [
    { flags: '-f, --follow', summary: 'go on until interrupted' },
    { flags: '-n, --namespace <name>', summary: 'only flows from or to pods of this namespace' },
    { flags: '--pod <name>', summary: 'only flows from or to this pod: name or namespace/name' },
    { flags: '--verdict <verdict>', summary: 'only these', choices: ['deny', 'allow'] },
    { flags: '-o, --output <form>', summary: 'json: one object a line', choices: ['json'] },
    {
      flags: '--socket <path>',
      summary: 'socket of the agent (default: $MUSLIN_AGENT_SOCKET, /run/muslin/agent.sock)',
    },
  ],
  summary: 'show what a node denied, and by which policy and rule',
  details: `Asks the agent of the node that it runs on, through its socket, which only root may open; nothing listens on the
network. From elsewhere: kubectl exec -n kube-system POD -c agent -- muslinctl flows -f.

Denied packets come from the rule that denied them, at most 50 a second of each rule. While somebody watches, new
allowed connections are told too, at most 64 a second. Pods are named where they run on the node. What staged policies
would have done stands at the end of the line, and what this end would answer without a policy that is staged for
deletion. The agent keeps the latest 4096.

Exit code: 0 shown, 1 the agent did not answer, 2 bad usage.`,
  examples: ['muslinctl flows --follow --verdict deny', 'muslinctl flows -n shop -o json'],
  async run(ctx, input) {
    const { showFlows } = await import('../flows/show-flows.ts');
    return showFlows(ctx, input);
  },
};
