/**
 * Many routers in one process, for tests: `router-main.ts AS FROM COUNT NODE NODEAS` speaks on 10.78.1.FROM and on; each has
 * one session with the node and tells one prefix. Prints how many sessions were ever lost, and what each was told, on SIGUSR2.
 */
import { formatPrefix, mustIp, mustPrefix } from '@muslin/net';
import type { Ip4 } from '@muslin/net';
import { Speaker } from '@muslin/bgp';
import { Shell } from '../../bgp/test/shell.ts';

const [as = '', from = '', count = '', node = '', nodeAs = ''] = process.argv.slice(2);
const shells: Shell[] = [];
for (let i = 0; i < Number(count); i++) {
  const address = `10.78.1.${Number(from) + i}`;
  const speaker = new Speaker({ asNumber: Number(as), routerId: mustIp(address) as Ip4, seed: i });
  const shell = new Shell(speaker);
  await shell.listen(address, 179);
  shell.setPeer({ id: node, remoteIp: mustIp(node), remoteAs: Number(nodeAs), passive: true });
  shell.perform(speaker.originate(mustPrefix(`198.18.${i}.0/24`)));
  shells.push(shell);
}
process.on('SIGUSR2', () => {
  const told = shells.map(shell => shell.speaker.received(node).map(route => formatPrefix(route.prefix)));
  process.stdout.write(
    `${JSON.stringify({ ups: shells.map(shell => shell.log.filter(line => line.includes('Established')).length), told })}\n`,
  );
});
