import { createInterface } from 'node:readline';
import { type Ip4, type Ip6, mustIp, mustPrefix } from '@muslin/net';
import { Speaker } from '../src/index.ts';
import { Shell } from './shell.ts';

/** One command per line of standard input, one JSON answer per line of standard output. */
const [asNumber, routerId, remoteIp, remoteAs, ipv6, mode] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  'fresh' | 'restarting',
];
const shell = new Shell(
  new Speaker({
    asNumber: Number(asNumber),
    routerId: mustIp(routerId) as Ip4,
    restarting: mode === 'restarting',
    now: performance.now(),
  }),
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
  originateMany: count => {
    for (let i = 0; i < Number(count); i++) {
      shell.perform(shell.speaker.originate(mustPrefix(`100.${64 + (i >> 8)}.${i & 255}.0/24`)));
      shell.perform(shell.speaker.originate(mustPrefix(`fd64:${i.toString(16)}::/48`)));
    }
  },
  withdraw: prefix => shell.perform(shell.speaker.withdraw(mustPrefix(prefix))),
  fibSize: () => shell.fib.size,
  fib: () => [...shell.fib].sort(),
  peer: () => ({ ...shell.speaker.peers()[0], capabilities: [], log: shell.log }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', argument = ''] = line.split(' ');
  process.stdout.write(`${JSON.stringify(commands[name]?.(argument) ?? null)}\n`);
}
shell.close();
