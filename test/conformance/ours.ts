import { type Ip4, type Ip6, mustIp } from '@muslin/net';
import { Speaker } from '../../packages/bgp/src/index.ts';
import { Shell } from '../../packages/bgp/test/shell.ts';
import { type PeerAddress, SUBJECT } from './place.ts';

/** Our speaker as it is examined: the peers as JSON in the first argument. */
const peers = JSON.parse(process.argv[2] ?? '[]') as readonly PeerAddress[];
const routerId = mustIp(SUBJECT.ip) as Ip4;
const nextHopSelf = { ipv6: mustIp('fd79::1') as Ip6 };
const shell = new Shell(new Speaker({ asNumber: SUBJECT.as, routerId, now: performance.now() }));
await shell.listen(SUBJECT.ip, 179);
for (const peer of peers) {
  const calls = peer.calls === true;
  shell.setPeer({
    id: peer.ip,
    remoteIp: mustIp(peer.ip),
    remoteAs: peer.as,
    passive: !calls,
    connectRetryTime: 1,
    nextHopSelf,
  });
}
