import { readFileSync } from 'node:fs';
import { type Ip4, mustIp } from '@muslin/net';
import { Speaker } from '@muslin/bgp';
import { Shell } from '../../../packages/bgp/test/shell.ts';
import { DEVICE_AS, DEVICE_IP, type DevicePeer } from './device.ts';

/** Our speaker with all its features, without a kernel to install routes into: what the others are started as, too. */
const peers = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as DevicePeer[];
const shell = new Shell(new Speaker({ asNumber: DEVICE_AS, routerId: mustIp(DEVICE_IP) as Ip4 }));
for (const { ip, as, client } of peers)
  shell.setPeer({
    id: ip,
    remoteIp: mustIp(ip),
    remoteAs: as,
    passive: true,
    holdTime: 180,
    families: ['ipv4-unicast'],
    routeReflectorClient: client ?? false,
  });
await shell.listen(DEVICE_IP, 179);
