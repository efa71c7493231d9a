import { expect, test } from 'vitest';
import { FEATURES } from './features/features.ts';
import { PEERS } from './peers/peers.ts';
import { runCells } from './run-cells.ts';

const NAMES = [
  'iBGP',
  'IPv4 and IPv6 in one session, over IPv6',
  'extended communities (RFC 4360)',
  'the peer is our route reflector client (RFC 4456)',
  'add-path (RFC 7911)',
  'graceful restart: kill -9 of the peer (RFC 4724)',
  'shutdown message: the peer’s (RFC 9003)',
  'BFD (RFC 5880, RFC 5881)',
];

test('a handful of sessions with BIRD are as npm run interop finds them', async () => {
  const bird = PEERS.filter(peer => peer.name === 'BIRD');
  const features = FEATURES.filter(feature => NAMES.includes(feature.name));
  expect(features).toHaveLength(NAMES.length);
  const cells = features.flatMap(feature => bird.map(peer => [feature, peer] as const));
  const results = await runCells(cells, 4, () => {});
  const found = results.map(({ feature, outcome }) => [
    feature.name,
    outcome.kind === 'red' ? outcome.reason : outcome.kind,
  ]);
  expect(found).toEqual(features.map(feature => [feature.name, 'green']));
});
