import { readFileSync } from 'node:fs';
import { Speaker } from '@muslin/bgp';
import { openRouteSocket } from '@muslin/linux';
import { type Ip4, mustIp } from '@muslin/net';
import { rehearse } from '../../../packages/speaker/src/rehearsal.ts';
import { SpeakerShell } from '../../../packages/speaker/src/speaker-shell.ts';
import { DEVICE_AS, DEVICE_IP, type DevicePeer } from './device.ts';

/**
 * What the speaker program runs on a node, without a cluster to be configured by and without a kernel to install routes
 * into: what the others are started as, too.
 */
const peers = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as DevicePeer[];
const netlink = openRouteSocket();
if (!netlink.ok) throw new Error(netlink.fault.message);
await rehearse(netlink.value);
const shell = new SpeakerShell({
  netlink: netlink.value,
  transportOf: () => undefined,
  log: line => process.stderr.write(`${line}\n`),
  tell: () => {},
});
const speaker = new Speaker({
  asNumber: DEVICE_AS,
  routerId: mustIp(DEVICE_IP) as Ip4,
  now: performance.now(),
});
shell.speaker = speaker;
for (const { ip, as, client } of peers) {
  const config = {
    ...{ id: ip, remoteIp: mustIp(ip), remoteAs: as, passive: true, holdTime: 180 },
    routeReflectorClient: client ?? false,
  };
  shell.perform(speaker.setPeer(config, performance.now()));
}
await shell.connections.listeners.follow({ ips: [mustIp(DEVICE_IP)], port: 179 });
// A profiler writes what it saw only when the program ends by itself.
process.once('SIGINT', () => process.exit(0));
