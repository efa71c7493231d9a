import { createInterface } from 'node:readline';
import { type Ip4, type Ip6, mustIp, mustPrefix } from '@muslin/net';
import { Speaker } from '../src/index.ts';
import { Shell } from './shell.ts';

/** One command per line of standard input, one JSON answer per line of standard output. */
const [asNumber, routerId, remoteIp, remoteAs, ipv6] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const shell = new Shell(
  new Speaker({ asNumber: Number(asNumber), routerId: mustIp(routerId) as Ip4, now: performance.now() }),
);
await shell.listen('0.0.0.0', 179);
shell.setPeer({
  id: 'bird',
  remoteIp: mustIp(remoteIp),
  remoteAs: Number(remoteAs),
  holdTime: 9,
  nextHopSelf: { ipv6: mustIp(ipv6) as Ip6 },
});

const commands: Record<string, (argument: string) => unknown> = {
  originate: prefix => shell.perform(shell.speaker.originate(mustPrefix(prefix))),
  withdraw: prefix => shell.perform(shell.speaker.withdraw(mustPrefix(prefix))),
  fib: () => [...shell.fib].sort(),
  peer: () => ({ ...shell.speaker.peers()[0], capabilities: [], log: shell.log }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', argument = ''] = line.split(' ');
  process.stdout.write(`${JSON.stringify(commands[name]?.(argument) ?? null)}\n`);
}
shell.close();
