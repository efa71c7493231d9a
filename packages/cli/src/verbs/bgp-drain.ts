import type { Verb, VerbOption } from '../verb.ts';

const TIMEOUT: VerbOption = {
  flags: '--timeout <seconds>',
  summary: 'how long to wait for each node (default: 60)',
};
const CODES =
  'Exit code: 0 done, 1 a node did not do it in time or a peer did not confirm, 2 bad usage or no such node.';

const draining = (
  name: 'drain' | 'undrain' | 'leave',
  options: readonly VerbOption[],
  summary: string,
  details: string,
  examples: readonly string[],
): Verb => ({
  name: `bgp ${name}`,
  args: '<nodes...>',
  options: [...options, TIMEOUT],
  summary,
  details: `${details}\n${CODES}`,
  examples,
  async run(ctx, input) {
    const { changeService } = await import('../bgp/change-service.ts');
    return changeService(ctx, input, name);
  },
});

/** Traffic away from nodes, while they stay. */
export const bgpDrain = draining(
  'drain',
  [],
  'lead traffic away from nodes: routers take their routes last, sessions stay up',
  `Tells all routes of the node again with GRACEFUL_SHUTDOWN and, inside the AS, LOCAL_PREF 0 (RFC 8326), and waits until
the peers are told. It is written on the Node (annotation muslin.dev/drain: "true"), so that it outlives the speaker.`,
  ['muslinctl bgp drain node-1', 'muslinctl bgp drain node-1 node-2 --timeout 10'],
);

/** Back to normal. */
export const bgpUndrain = draining(
  'undrain',
  [],
  'bring nodes back that were drained, or that left',
  `Removes what drain and leave wrote on the Node, and waits until its speaker is back in service: routes as before,
sessions being made.`,
  ['muslinctl bgp undrain node-1'],
);

/** Out of the network. */
export const bgpLeave = draining(
  'leave',
  [
    { flags: '--message <text>', summary: 'what the peers are told, at most 255 octets (RFC 9003)' },
    { flags: '--grace <seconds>', summary: 'how long traffic has to leave before routes go (default: 10)' },
  ],
  'take nodes out of the network: drain, withdraw all routes, end all sessions with a message',
  `First drains, waits for --grace, then withdraws all routes, shuts the sessions down, and waits until the peers have
confirmed. The node goes on forwarding what is on its way. It stays out, over restarts of its speaker too (annotation
muslin.dev/drain: "leave"), until undrain.`,
  ["muslinctl bgp leave node-1 --message 'rack moves'", 'muslinctl bgp leave node-1 --grace 0'],
);
