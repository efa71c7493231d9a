import { createInterface } from 'node:readline';
import { type Ip4, type Ip6, mustIp, mustPrefix } from '@muslin/net';
import { type PeerConfig, Speaker } from '../../packages/bgp/src/index.ts';
import { Shell } from '../../packages/bgp/test/shell.ts';

/** Our side of a cell: settings as JSON in the first argument, one command per line in, one JSON answer per line out. */
const { as, remoteAs, remoteIp, peer } = JSON.parse(process.argv[2] ?? '{}');
const shell = new Shell(
  new Speaker({ asNumber: as, routerId: mustIp('10.78.0.1') as Ip4, now: performance.now() }),
);
const config: PeerConfig = {
  id: 'peer',
  remoteIp: mustIp(remoteIp),
  remoteAs,
  holdTime: 9,
  connectRetryTime: 1,
  nextHopSelf: { ipv4: mustIp('10.78.0.1') as Ip4, ipv6: mustIp('fd78::1') as Ip6 },
  ...peer,
};
await shell.listen('::', 179);
shell.setPeer(config);
const route = { communities: [65000 * 65536 + 7], largeCommunities: [[65000, 1, 77]] as const };
for (const prefix of ['10.200.1.0/26', 'fd00:200::/64'])
  shell.perform(shell.speaker.originate(mustPrefix(prefix), route));

const commands: Readonly<Record<string, () => unknown>> = {
  peer: () => ({ ...shell.speaker.peers()[0], capabilities: [] }),
  fib: () => [...shell.fib.keys()].sort(),
  limit: () => shell.setPeer({ ...config, prefixLimit: { 'ipv4-unicast': { most: 0 } } }),
  shutdown: () => shell.setPeer({ ...config, enabled: false, shutdownText: 'moving rack 7' }),
};
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(commands[line]?.() ?? null)}\n`);
shell.close();
