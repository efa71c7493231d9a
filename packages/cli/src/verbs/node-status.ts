import { OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

const SOCKET = {
  flags: '--socket <path>',
  summary: "the speaker's socket (default: $MUSLIN_SPEAKER_SOCKET, /run/muslin/speaker.sock)",
};

/** What calicoctl's `node` verbs tell, of the node that they run on. */
export const nodeStatus: Verb = {
  name: 'node status',
  args: '',
  options: [OUTPUT_DATA, SOCKET],
  summary: "show whether this node's agent and speaker run, and its BGP sessions",
  details: `Asks the programs on this node, as root; the agent's socket is $MUSLIN_AGENT_SOCKET or /run/muslin/agent.sock.
"bgp peers" tells of all nodes through the API.

Exit code: 0 both run, the agent is ready and all sessions are up; 1 not so; 2 bad usage.`,
  examples: ['muslinctl node status', 'muslinctl node status -o json'],
  async run(ctx, input) {
    const { showNodeStatus } = await import('../node/show-node-status.ts');
    return showNodeStatus(ctx, input);
  },
};

export const nodeDiags: Verb = {
  name: 'node diags',
  args: '',
  options: [
    { flags: '-o, --output <file>', summary: 'the archive (default: muslin-diags-TIME.tar.gz here)' },
    { flags: '--log-dir <folder>', summary: 'take the files of this folder along, too' },
    SOCKET,
  ],
  summary: 'save what this node knows of its network to one archive for a report',
  details: `In it: pages of agent and speaker, rules, sets, routes, links, logs of the pods and the paths that they came
from. Values that are named like passwords, tokens and keys are left out; names and addresses stay.

Exit code: 0 written (parts that failed say so in their file), 2 it can't be written there.`,
  examples: ['muslinctl node diags', 'muslinctl node diags -o /tmp/n1.tar.gz --log-dir /var/log/muslin'],
  async run(ctx, input) {
    const { writeDiags } = await import('../node/write-diags.ts');
    return writeDiags(ctx, input);
  },
};

export const nodeCheckSystem: Verb = {
  name: 'node checksystem',
  args: '',
  options: [
    OUTPUT_DATA,
    {
      flags: '-f, --kernel-config <file>',
      summary: "the kernel's configuration (default: /boot/config-VERSION)",
    },
  ],
  summary: "check this node's kernel for what Muslin needs, and tell what each thing is for",
  details:
    'Exit code: 0 all that is needed is there, 1 something is not, 2 bad usage, or there is no such configuration.',
  examples: ['muslinctl node checksystem', 'muslinctl node checksystem -f /boot/config-6.1.0 -o json'],
  async run(ctx, input) {
    const { checkSystem } = await import('../node/check-system.ts');
    return checkSystem(ctx, input);
  },
};
