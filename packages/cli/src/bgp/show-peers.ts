import type { AnyObject } from '@muslin/kube';
import type { Context } from '../context.ts';
import { connect } from '../live/connect.ts';
import { formatAge } from '../output/age.ts';
import { writeData } from '../output/data.ts';
import type { Paint } from '../output/paint.ts';
import { type Column, formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { BGP_NODE_STATUS, type PeerRow, peersOfStatus } from './node-status.ts';

const isUp = (peer: PeerRow) => peer.state === 'Established';

function columns(now: Date, paint: Paint): readonly Column<PeerRow>[] {
  return [
    { head: 'NODE', cell: peer => peer.node },
    { head: 'PEER', cell: peer => peer.peer },
    { head: 'ASN', cell: peer => peer.asn },
    { head: 'TYPE', cell: peer => peer.type },
    {
      head: 'STATE',
      cell: peer => peer.state,
      paint: (text, peer) => (isUp(peer) ? paint.good(text) : paint.bad(text)),
    },
    { head: 'SINCE', cell: peer => formatAge(peer.since, now) },
    { head: 'RECEIVED', cell: peer => peer.received },
    { head: 'ADVERTISED', cell: peer => peer.advertised },
    // What broke an earlier session says nothing about one that is up.
    { head: 'INFO', cell: peer => (isUp(peer) ? '-' : (peer.info ?? '-')) },
  ];
}

export async function showPeers(ctx: Context, input: Input): Promise<ExitCode> {
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const answer = await client.value.listAll<AnyObject>(BGP_NODE_STATUS);
    if (!answer.ok && answer.fault.code === 'NotFound')
      return ctx.fail(
        1,
        `${client.value.connection.server} does not serve bgpnodestatuses.muslin.dev: are Muslin's CRDs installed?`,
      );
    if (!answer.ok) return ctx.fail(1, answer.fault.message);
    const nodes = new Set(input.args);
    const statuses = answer.value.items.filter(
      ({ metadata }) => nodes.size === 0 || nodes.has(metadata.name ?? ''),
    );
    const missing = [...nodes].filter(node => !statuses.some(({ metadata }) => metadata.name === node));
    const peers = statuses.flatMap(peersOfStatus);
    const form = input.text('output');
    if (form === 'json' || form === 'yaml') await writeData(ctx, form, peers);
    else if (peers.length > 0) ctx.stdout(formatTable(peers, columns(ctx.now(), ctx.paint)));
    else if (missing.length === 0) ctx.stderr('No BGP sessions are reported.\n');
    if (missing.length > 0)
      return ctx.fail(
        1,
        ...missing.map(node => `node ${node} has reported no BGP sessions: is its speaker running?`),
      );
    return peers.every(isUp) ? 0 : 1;
  } finally {
    await client.value.close();
  }
}
