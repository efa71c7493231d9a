import { type Ip4, mustIp } from '@muslin/net';
import { encodeMessage, KEEPALIVE, PLAIN_OPTIONS, packNlri, Speaker } from '../src/index.ts';

/** A node of a full mesh starts: every other node calls at once and announces ten blocks. Usage: mesh.ts [peers=1000] */
const count = Number(process.argv[2] ?? 1000);
const speaker = new Speaker({ asNumber: 64512, routerId: mustIp('10.0.0.1') as Ip4 });
const start = performance.now();
const cpu = process.cpuUsage();
const ipOf = (i: number) => mustIp(`10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`) as Ip4;
for (let i = 0; i < count; i++) {
  speaker.setPeer({ id: `node-${i}`, remoteIp: ipOf(i), remoteAs: 'internal', passive: true });
}
const configured = performance.now();
const capabilities = [
  { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
  { kind: 'fourOctetAs', value: 64512 },
] as const;
const none = packNlri('ipv4-unicast', []);
const each = (step: (i: number) => void) => {
  for (let i = 0; i < count; i++) step(i);
};
const tell = (i: number, bytes: Uint8Array) =>
  speaker.handle({ kind: 'bytes', connection: `in-${i}`, bytes }, 0);
each(i =>
  speaker.handle(
    { kind: 'accepted', connection: `in-${i}`, localIp: mustIp('10.0.0.1'), remoteIp: ipOf(i) },
    0,
  ),
);
each(i =>
  tell(
    i,
    encodeMessage(
      { kind: 'open', version: 4, asNumber: 64512, holdTime: 90, identifier: ipOf(i), capabilities },
      PLAIN_OPTIONS,
    ),
  ),
);
each(i => tell(i, encodeMessage(KEEPALIVE, PLAIN_OPTIONS)));
each(i => {
  const nlri = Array.from({ length: 10 }, (_, n) => ({
    prefix: { ip: { family: 4 as const, bits: (0x64000000 + (i * 10 + n) * 64) >>> 0 }, length: 26 },
    pathId: 0,
  }));
  const attributes = { origin: 'igp' as const, asPath: [], nextHop: { ip: ipOf(i) }, localPref: 100 };
  tell(
    i,
    encodeMessage(
      { kind: 'update', withdrawn: none, announced: packNlri('ipv4-unicast', nlri), attributes, faults: [] },
      PLAIN_OPTIONS,
    ),
  );
});
const done = performance.now();
const used = process.cpuUsage(cpu);
const established = speaker.peers().filter(p => p.state === 'Established').length;
const bests = speaker.routes('ipv4-unicast').length;
console.log(
  `${count} peers: configured ${(configured - start).toFixed(0)} ms, all ${(done - start).toFixed(0)} ms, CPU ${((used.user + used.system) / 1000).toFixed(0)} ms, ${established} established, ${bests} routes, RSS ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
);
