import { type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { Speaker } from '../src/index.ts';
import { Shell } from './shell.ts';

/** The router that the README's scripts call: AS 64513 at 10.0.0.254; prints its routes as they change. */
const router = new Speaker({
  asNumber: 64513,
  routerId: mustIp('10.0.0.254') as Ip4,
  now: performance.now(),
});
const shell = new Shell(router);
await shell.listen('10.0.0.254', 179);
shell.setPeer({ id: 'reader', remoteIp: mustIp('10.0.0.1'), remoteAs: 64512, passive: true });
shell.perform(router.originate(mustPrefix('192.0.2.0/24')));
setInterval(() => process.stdout.write(`${[...shell.fib.keys()].sort().join(' ')}\n`), 100);
