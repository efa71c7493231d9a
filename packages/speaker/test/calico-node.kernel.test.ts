import { RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, must, Stage } from './stage.ts';

let stage: Stage;
let bird: ReturnType<Stage['startBird']>;

/** A node of Calico's in the mesh: a session for each family, LOCAL_PREF instead of a metric. */
const calicoNode = `
router id 10.78.0.4;
log stderr all;
protocol device {}
protocol direct { ipv4; ipv6; }
protocol static a { ipv4; route 10.244.4.0/26 blackhole; }
protocol static b { ipv6; route fd44:4::/122 blackhole; }
filter told { if source != RTS_STATIC then reject; bgp_local_pref = 2147482623; accept; }
template bgp mesh {
  local as 64512; multihop; graceful restart on;
  connect retry time 1; connect delay time 1; error wait time 1, 2; hold time 30;
}
protocol bgp Mesh_v4 from mesh {
  neighbor 10.78.0.1 as 64512; source address 10.78.0.4;
  ipv4 { add paths on; import all; export filter told; next hop self; };
}
protocol bgp Mesh_v6 from mesh {
  neighbor fd78::1 as 64512; source address fd78::4;
  ipv6 { add paths on; import all; export filter told; next hop self; };
}`;

beforeAll(async () => {
  stage = new Stage({ n1: 1, cal: 4 });
  for (const [name, host] of [
    ['n1', 1],
    ['cal', 4],
  ] as const)
    stage.run(name, 'ip', 'addr', 'add', `fd78::${host}/64`, 'dev', 'eth0', 'nodad');
  await stage.serveApi();
  for (const [name, host] of [
    ['n1', 1],
    ['cal', 4],
  ] as const) {
    await stage.putNode(name, `10.78.0.${host}`);
    const addresses = [`10.78.0.${host}`, `fd78::${host}`].map(address => ({ type: 'InternalIP', address }));
    must(
      await stage.client.patch(
        RESOURCES.Node,
        { name },
        { type: 'merge', body: { status: { addresses } } },
        { subresource: 'status' },
      ),
    );
  }
  await stage.put('IPPool', 'v4', { spec: { cidr: '10.244.0.0/16' } });
  await stage.put('IPPool', 'v6', { spec: { cidr: 'fd44::/16' } });
  await stage.putBlock('n1', '10.244.1.0/26');
  await stage.putBlock('n1', 'fd44:1::/122');
  bird = stage.startBird('cal', calicoNode);
  stage.startSpeaker('n1');
});

afterAll(() => stage?.close());

test('a Muslin node and a Calico node mesh: one session for each family, each side’s routes as good as the other’s', async () => {
  await eventually(async () => {
    const { peers } = await stage.json('n1', '/v1/status');
    expect(peers).toMatchObject([
      { address: '10.78.0.4', state: 'Established', type: 'NodeMesh', families: ['ipv4-unicast'] },
      { address: 'fd78::4', state: 'Established', type: 'NodeMesh', families: ['ipv6-unicast'] },
    ]);
  }, 40_000);
  await eventually(() => {
    expect(stage.learned('n1')).toEqual(['10.244.4.0/26 via 10.78.0.4']);
    expect(stage.run('n1', 'ip', '-6', 'route', 'show', 'proto', 'bgp')).toContain(
      'fd44:4::/122 via fd78::4',
    );
    expect(bird.ask('show', 'route', 'fd44:1::/122')).toContain('via fd78::1');
    expect(bird.ask('show', 'route', '10.244.1.0/26', 'all')).toMatch(
      /via 10\.78\.0\.1[\s\S]*local_pref: 2147482623/,
    );
  });
  const [first] = await stage.json('n1', '/v1/received?peer=10.78.0.4');
  expect(first.attributes.localPref).toBe(2147482623);
});
