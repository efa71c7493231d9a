import type { Context } from '../context.ts';
import { askSocket, localSocket } from '../bgp/speaker-socket.ts';
import { type NodeReport, type PeerRow, peersOfStatus } from '../bgp/node-status.ts';
import { listAt, textAt, valueAt } from '../files/json.ts';
import { writeData } from '../output/data.ts';
import { formatGrid } from '../output/grid.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';
import { agentSocket } from './agent-socket.ts';

/** calicoctl's words for the types of peers (calico.md §7). */
const TYPES: Readonly<Record<string, string>> = {
  NodeMesh: 'node-to-node mesh',
  NodePeer: 'node specific',
  GlobalPeer: 'global',
};

/** `node status`: this node's programs by their sockets; 0 both answer, are ready, and all sessions are up. */
export async function showNodeStatus(ctx: Context, input: Input): Promise<ExitCode> {
  const [agent, speaker] = await Promise.all([
    askSocket(agentSocket(ctx), '/v1/status'),
    askSocket(localSocket(ctx), '/v1/status'),
  ]);
  const peers = speaker.ok ? peersOfStatus({ metadata: {}, status: speaker.value } as NodeReport) : [];
  const ready = agent.ok && valueAt(agent.value, 'ready') === true;
  const data = {
    agent: agent.ok
      ? { running: true, ready, status: agent.value }
      : { running: false, message: named('agent', agent.fault.message) },
    speaker: speaker.ok
      ? { running: true, peers: peers.map(({ node: _, finding: __, ...peer }) => peer) }
      : { running: false, message: speaker.fault.message },
  };
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') await writeData(ctx, form, data);
  else {
    ctx.stdout(agent.ok ? agentText(agent.value) : 'Muslin agent is not running.\n');
    ctx.stdout(speaker.ok ? 'Muslin speaker is running.\n' : 'Muslin speaker is not running.\n');
    if (speaker.ok)
      for (const family of [4, 6] as const)
        ctx.stdout(
          `\n${familyText(
            family,
            peers.filter(({ peer }) => peer.includes(':') === (family === 6)),
          )}`,
        );
  }
  const faults = [
    ...(agent.ok ? [] : [named('agent', agent.fault.message)]),
    ...(speaker.ok ? [] : [speaker.fault.message]),
  ];
  if (faults.length > 0) return ctx.fail(1, ...faults);
  return ready && peers.every(({ state }) => state === 'Established') ? 0 : 1;
}

/** The speaker's socket and the agent's fail with the same words but one. */
function named(program: string, message: string): string {
  return message
    .replace('no speaker listens', `no ${program} listens`)
    .replace(
      /: run this on a node .*$/,
      ': run this on a node whose agent runs, or name its socket in MUSLIN_AGENT_SOCKET',
    );
}

function agentText(status: unknown): string {
  const waiting = listAt(status, 'waitingFor').map(String);
  const rules = textAt(status, 'dataplane', 'backEnd');
  const since = valueAt(status, 'staleSince');
  const lines = [
    'Muslin agent is running.',
    ...(valueAt(status, 'ready') === true
      ? []
      : [
          `It is not ready${waiting.length === 0 ? '' : `: it waits for ${waiting.join(', ')}`}${typeof since === 'number' ? `; the API server has been silent since ${new Date(since).toISOString()}` : ''}.`,
        ]),
    `${listAt(status, 'endpoints').length} pods on this node${rules === undefined ? '' : `; rules in ${rules}`}.`,
    ...addressLines(status),
    ...mtuLines(status),
    ...overlayLines(status),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

/** The address that others know the node by, why, and why it is none of the rest. */
function addressLines(status: unknown): readonly string[] {
  const choices = listAt(status, 'address', 'choices');
  const lines = choices.flatMap(choice => {
    const address = textAt(choice, 'address');
    const rest = listAt(choice, 'rest');
    const trouble = textAt(choice, 'trouble');
    const place = textAt(choice, 'interface');
    if (address === undefined && rest.length === 0) return [];
    const what = address === undefined ? 'none' : `${address}${place === undefined ? '' : ` on ${place}`}`;
    return [
      `IPv${String(valueAt(choice, 'family'))} address: ${what}, since ${textAt(choice, 'why')} (${textAt(choice, 'by')}).`,
      ...(trouble === undefined ? [] : [`  Trouble: ${trouble}.`]),
      ...rest.map(
        each => `  Not ${textAt(each, 'address')} on ${textAt(each, 'interface')}: ${textAt(each, 'why')}.`,
      ),
    ];
  });
  const changes = listAt(status, 'address', 'changes').map(change => {
    const at = valueAt(change, 'at');
    const when = typeof at === 'number' ? ` at ${new Date(at).toISOString()}` : '';
    return `  It was ${textAt(change, 'from')} and became ${textAt(change, 'to')}${when}.`;
  });
  const fault = textAt(status, 'address', 'fault');
  return [...lines, ...changes, ...(fault === undefined ? [] : [`  ${fault}.`])];
}

/** How large packets of pods may be, and what makes it so. */
function mtuLines(status: unknown): readonly string[] {
  const why = textAt(status, 'mtu', 'why');
  if (why === undefined) return [];
  const larger = listAt(status, 'mtu', 'larger').map(String);
  const more = larger.length > 5 ? ` and ${larger.length - 5} more` : '';
  return [
    `MTU of new pods: ${String(valueAt(status, 'mtu', 'pods'))}, since ${why}.`,
    ...(larger.length === 0
      ? []
      : [`  Pods with a larger one, to be started anew: ${larger.slice(0, 5).join(', ')}${more}.`]),
  ];
}

/** What keeps tunnels from standing: a kernel without a module, another's device, nodes that told no end yet. */
function overlayLines(status: unknown): readonly string[] {
  const all = [
    ...listAt(status, 'overlay', 'faults'),
    ...listAt(status, 'overlay', 'wireguard', 'faults'),
    ...listAt(status, 'overlay', 'missing'),
  ].map(String);
  return all.length === 0 ? [] : ['Overlay:', ...all.map(each => `  ${each}.`)];
}

function familyText(family: 4 | 6, peers: readonly PeerRow[]): string {
  if (peers.length === 0) return `IPv${family} BGP status\nNo IPv${family} peers found.\n`;
  const grid = formatGrid(peers, [
    { head: 'PEER ADDRESS', cell: ({ peer }) => peer },
    { head: 'PEER TYPE', cell: ({ type = '' }) => TYPES[type] ?? type },
    { head: 'STATE', cell: ({ state }) => (state === 'Established' ? 'up' : 'start') },
    { head: 'SINCE', cell: ({ since }) => since?.replace('T', ' ').replace(/\..*$|Z$/, '') },
    {
      head: 'INFO',
      cell: ({ state, info }) => (state === 'Established' || info === undefined ? state : `${state} ${info}`),
    },
  ]);
  return `IPv${family} BGP status\n${grid}`;
}
