import { fileURLToPath } from 'node:url';
import type { NodeState } from '@muslin/api';
import { mustIp } from '@muslin/net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compile, lower, NFT_LIMITS, nftScript, nftTable, planNft } from '../src/index.ts';
import { KernelRoom } from './kernel-room.ts';
import { configOf } from './world.ts';

const SENDER = fileURLToPath(new URL('./send-datagrams.ts', import.meta.url));
const LINK = 'msl00000000001';
const NODE = '192.0.2.1';
/** Of the pod; one of another pod of the node; one that is routed to the pod without being its own. */
const [OWN, OTHER, ROUTED] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];

/** What counts arrivals after our check and before connection tracking. */
const WATCH = `table ip watch {
  chain seen {
    type filter hook prerouting priority -250; policy accept;
    ${[OWN, OTHER, ROUTED].map(ip => `ip saddr ${ip} counter`).join('\n    ')}
  }
}
`;

let node: KernelRoom;
let pod: KernelRoom;

beforeAll(() => {
  node = new KernelRoom('forged', 'nft');
  pod = new KernelRoom('forger', 'nft');
  node.run(
    ['ip', '-batch', '-'],
    [
      'link set lo up',
      `addr add ${NODE}/32 dev lo`,
      `link add ${LINK} type veth peer name eth0 netns ${pod.name}`,
      `link set ${LINK} address 02:00:00:00:00:01 up`,
      `route add ${OWN} dev ${LINK}`,
      `route add ${ROUTED} dev ${LINK}`,
      `route add ${OTHER} dev lo`,
      '',
    ].join('\n'),
  );
  pod.run(
    ['ip', '-batch', '-'],
    [
      'link set lo up',
      'link set eth0 up',
      ...[OWN, OTHER, ROUTED].map(ip => `addr add ${ip}/32 dev lo`),
      `route add ${NODE} dev eth0`,
      `neigh add ${NODE} lladdr 02:00:00:00:00:01 dev eth0`,
      '',
    ].join('\n'),
  );
});
afterAll(() => {
  node.close();
  pod.close();
});

it.each([true, false])(
  'no packet with a forged source gets past the first hook, and each with the own one does (endpoint known: %s)',
  async known => {
    const endpoint = { key: 'pod/a/one', namespace: 'a', name: 'one', ips: [mustIp(OWN)] };
    const state: NodeState = {
      sets: new Map(),
      policies: new Map(),
      endpoints: new Map(known ? [[endpoint.key, { ...endpoint, tiers: { ingress: [], egress: [] } }]] : []),
    };
    const config = { ...configOf(4), interfacesOf: () => [LINK] };
    const want = nftTable(lower(compile(state, config), NFT_LIMITS), state.sets);
    expect(want.maps.has('msl-own-pods')).toBe(known);
    node.nft(
      `add table ip muslin\ndelete table ip muslin\nadd table ip watch\ndelete table ip watch\n${WATCH}`,
    );
    node.nft(nftScript(planNft(want, undefined)));
    const datagrams = [OWN, OTHER, ROUTED].flatMap(src =>
      [1, 2, 3].map(n => ({ src, sport: 1000 + n, dst: NODE, dport: 53 })),
    );
    const sent = pod.run(
      [process.execPath, '--disable-warning=ExperimentalWarning', SENDER],
      JSON.stringify(datagrams),
    );
    expect(JSON.parse(sent)).toEqual(datagrams.map(() => 'sent'));
    // Those from the routed address were sent last: when they are there, the others have been judged.
    await expect.poll(counted, { timeout: 5_000 }).toEqual([3, 0, 3]);
  },
);

function counted(): readonly number[] {
  const seen = node.run(['nft', 'list', 'chain', 'ip', 'watch', 'seen']);
  return [OWN, OTHER, ROUTED].map(ip =>
    Number(new RegExp(`saddr ${ip} counter packets (\\d+)`).exec(seen)?.[1]),
  );
}
