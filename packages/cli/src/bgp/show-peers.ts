import type { Context } from '../context.ts';
import { formatAge } from '../output/age.ts';
import { writeData } from '../output/data.ts';
import type { Paint } from '../output/paint.ts';
import { type Column, formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import { nodeReports } from './node-reports.ts';
import { findNodeTroubles } from './find-troubles.ts';
import { isUp, type NodeReport, type PeerRow, peersOfStatus } from './node-status.ts';

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
    { head: 'ACCEPTED', cell: peer => peer.accepted, wide: true },
    { head: 'ADVERTISED', cell: peer => peer.advertised },
    { head: 'FAMILIES', cell: peer => peer.families, wide: true },
    // What broke an earlier session says nothing about one that is up.
    { head: 'INFO', cell: peer => (isUp(peer) ? '-' : (peer.info ?? '-')) },
  ];
}

/** `bgp peers`: the sessions of all nodes, of some, or of this one. */
export async function showPeers(ctx: Context, input: Input): Promise<ExitCode> {
  const reports = await nodeReports(ctx, input);
  if (!reports.ok) return ctx.fail(1, reports.fault);
  const nodes = new Set(input.args);
  const statuses = reports.value.filter(({ metadata }) => nodes.size === 0 || nodes.has(metadata.name ?? ''));
  const missing = [...nodes].filter(node => !statuses.some(({ metadata }) => metadata.name === node));
  const silent = silentNodes(reports.value, ctx.now());
  const peers = statuses.flatMap(peersOfStatus).map(peer => asKnown(peer, silent.get(peer.node)));
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') await writeData(ctx, form, peers.map(asData));
  else if (peers.length > 0)
    ctx.stdout(formatTable(peers, columns(ctx.now(), ctx.paint), { wide: form === 'wide' }));
  else if (missing.length === 0) ctx.stderr('No BGP sessions are reported.\n');
  if (missing.length > 0)
    return ctx.fail(
      1,
      ...missing.map(node => `node ${node} has reported no BGP sessions: is its speaker running?`),
    );
  return peers.every(isUp) ? 0 : 1;
}

/** Nodes whose speaker is gone, with the sentence that says so. */
function silentNodes(reports: readonly NodeReport[], now: Date): ReadonlyMap<string, string> {
  const found = findNodeTroubles(reports, [], now);
  return new Map(
    found
      .filter(({ code }) => code === 'old-report' || code === 'speaker-gone')
      .map(({ node, message }) => [node, message]),
  );
}

/** What a speaker that is gone last said of a session that was up is no news of it. */
function asKnown(peer: PeerRow, silent: string | undefined): PeerRow {
  return silent === undefined || !isUp(peer) ? peer : { ...peer, state: 'Unknown', info: silent };
}

function asData({ families, ...peer }: PeerRow): object {
  return { ...peer, ...(families === undefined ? {} : { families: families.split(',') }) };
}
