import type { Note } from '@muslin/kube';
import { describe, expect, it } from 'vitest';
import { Garbage } from '../../src/garbage/garbage.ts';
import { nodeReports } from '../../src/garbage/node-reports.ts';
import { FakeClient } from '../fake-client.ts';
import { Addresses, MINUTE, NOW } from './world.ts';

interface Step {
  readonly minutes: number;
  readonly mode?: 'free' | 'dry-run' | 'off';
}

function room(mode: 'free' | 'dry-run' | 'off' = 'free') {
  const addresses = new Addresses().block('10.0.0.0/26', 'a').block('10.0.1.0/26', 'b');
  addresses.pod('10.0.0.0/26', 'a', 'p');
  addresses.pod('10.0.0.0/26', 'b', 'borrower');
  const fake = new FakeClient();
  for (const { kind, metadata, spec } of addresses.stored()) fake.put(kind, metadata.name, spec);
  fake.put('IPPool', 'default', { cidr: '10.0.0.0/24' });
  fake.put('Node', 'b');
  fake.objects.set('Pod/borrower', {
    metadata: { name: 'borrower', namespace: 'web', uid: 'uid-borrower' },
    spec: { nodeName: 'b' },
    status: { podIPs: [{ ip: '10.0.0.1' }] },
  });
  const lines: string[] = [];
  const notes: Note[] = [];
  let at = NOW;
  const garbage = new Garbage({
    ...{ client: fake.client, mode, reports: nodeReports(fake.client), now: () => at },
    log: line => void lines.push(line),
    tell: note => void notes.push(note),
  });
  const look = ({ minutes }: Step) => {
    at = NOW + minutes * MINUTE;
    return garbage.reconcile();
  };
  const held = () =>
    fake
      .of('IPAMBlock')
      .filter(({ metadata }) => metadata.name === '10-0-0-0-26')
      .flatMap(block => (block['spec'] as { allocations: readonly unknown[] }).allocations)
      .filter(index => index !== null).length;
  return { fake, garbage, look, held, lines, notes };
}

describe('a BlockAffinity that somebody deleted alone', () => {
  const NAME = 'BlockAffinity/a-10-0-0-0-26';

  it('is written anew at the second look that misses it, and nothing else is touched', async () => {
    const { fake, look, lines } = room();
    fake.put('Node', 'a');
    const before = fake.objects.get(NAME);
    fake.objects.delete(NAME);
    expect(await look({ minutes: 0 })).toBeUndefined();
    expect(fake.writes).toEqual([]);
    expect(await look({ minutes: 5 })).toBeUndefined();
    expect(fake.objects.get(NAME)?.['spec']).toEqual(before?.['spec']);
    const about = () => fake.writes.filter(write => write.endsWith(NAME));
    expect(about()).toEqual([`create ${NAME}`, `update ${NAME}`]);
    expect(lines).toContain(
      'ipam garbage: the BlockAffinity of node a for its block 10.0.0.0/26 was gone, and is written anew',
    );
    expect(await look({ minutes: 10 })).toBeUndefined();
    expect(about()).toHaveLength(2);
  });

  it('is only told of in a dry run, and left alone when the block went meanwhile', async () => {
    const dry = room('dry-run');
    dry.fake.objects.delete(NAME);
    for (const minutes of [0, 5, 10]) await dry.look({ minutes });
    expect(dry.fake.writes).toEqual([]);
    expect(dry.lines.filter(line => line.includes('would write the BlockAffinity of node a'))).toHaveLength(
      1,
    );
    const gone = room();
    gone.fake.objects.delete(NAME);
    await gone.look({ minutes: 0 });
    gone.fake.objects.delete('IPAMBlock/10-0-0-0-26');
    await gone.look({ minutes: 5 });
    expect(gone.fake.objects.has(NAME)).toBe(false);
  });
});

describe('the collector and a node that lives', () => {
  /** Node `a` is there and its pod is not; `says` is what its agent writes before each look. */
  async function looks(says: (minutes: number) => object | undefined) {
    const made = room();
    made.fake.put('Node', 'a');
    for (const minutes of [0, 5, 10, 15, 20]) {
      const status = says(minutes);
      if (status !== undefined)
        made.fake.objects.set('AddressNodeStatus/a', { metadata: { name: 'a', uid: 'u' }, status });
      expect(await made.look({ minutes })).toBeUndefined();
    }
    return made;
  }
  const report = (minutes: number, addresses: readonly string[], complete = 'True') => ({
    ...{ readAt: `read ${minutes}`, addresses },
    conditions: [{ type: 'Complete', status: complete }],
  });

  it('frees the address when the node itself has looked since and does not have it', async () => {
    const { held, lines } = await looks(minutes => report(minutes, ['10.0.0.200']));
    expect(held()).toBe(1);
    expect(lines.join()).toContain('there is no Pod web/p; the kernel of a does not have 10.0.0.0');
  });

  it('frees nothing while the node says nothing, or the same old report', async () => {
    expect((await looks(() => undefined)).held()).toBe(2);
    expect((await looks(() => report(0, []))).held()).toBe(2);
  });

  it('frees nothing that the node has, nor on the word of one that is not sure', async () => {
    const { held, lines } = await looks(minutes => report(minutes, ['10.0.0.0']));
    expect(held()).toBe(2);
    expect(lines.join()).toContain('10.0.0.0 is kept: the kernel of a has 10.0.0.0');
    expect((await looks(minutes => report(minutes, [], 'False'))).held()).toBe(2);
  });

  it('frees nothing when the node has it again at the last moment', async () => {
    const made = room();
    made.fake.put('Node', 'a');
    const tell = (minutes: number, addresses: readonly string[]) =>
      made.fake.objects.set('AddressNodeStatus/a', {
        metadata: { name: 'a', uid: 'u' },
        status: report(minutes, addresses),
      });
    for (const minutes of [0, 5, 10]) {
      tell(minutes, []);
      await made.look({ minutes });
    }
    const { get } = made.fake;
    made.fake.get = async (resource, name) => {
      if (resource.kind === 'AddressNodeStatus') tell(16, ['10.0.0.0']);
      return get.call(made.fake, resource, name);
    };
    tell(15, []);
    await made.look({ minutes: 15 });
    expect(made.held()).toBe(2);
    expect(made.lines.at(-1)).toBe(
      'ipam garbage: 10.0.0.0: a fresh read leaves the kernel of a has 10.0.0.0',
    );
  });
});

describe('the collector', () => {
  it('frees what pod and node have left, writes it down and counts it', async () => {
    const { look, held, lines, notes, garbage, fake } = room();
    for (const minutes of [0, 5, 10]) expect(await look({ minutes })).toBeUndefined();
    expect(held()).toBe(2);
    expect(await look({ minutes: 15 })).toBeUndefined();
    expect(held()).toBe(1);
    expect(fake.objects.has('IPAMHandle/k8s-pod-network.p')).toBe(false);
    const why = 'freed 10.0.0.0 of k8s-pod-network.p: there is no Pod web/p; there is no Node a';
    expect(lines.some(line => line.startsWith(`ipam garbage: ${why}`))).toBe(true);
    expect(notes.filter(({ reason }) => reason === 'AddressFreed')).toMatchObject([
      { about: { kind: 'IPPool', name: 'default' } },
    ]);
    expect(garbage.metrics()).toContain('ipam_allocations_gc_reclamations{ippool="default",node="a"} 1\n');
    await look({ minutes: 20 });
    expect(garbage.metrics()).toContain('ipam_allocations_in_use{ippool="default",node="b"} 1\n');
    expect(garbage.metrics()).toContain('ipam_allocations_borrowed{ippool="default",node="b"} 1\n');
    expect(garbage.metrics()).toContain('muslin_ipam_ippool_free{ippool="default"} 255\n');
  });

  it('only tells in a dry run, and once', async () => {
    const { look, held, lines, fake } = room('dry-run');
    for (const minutes of [0, 5, 10, 15, 20]) await look({ minutes });
    expect(held()).toBe(2);
    expect(fake.writes).toEqual([]);
    expect(lines.filter(line => line.includes('would free 10.0.0.0'))).toHaveLength(1);
  });

  it('frees nothing when a fresh read shows the node again', async () => {
    const { look, held, fake, lines } = room();
    for (const minutes of [0, 5, 10]) await look({ minutes });
    const { get } = fake;
    fake.get = async (resource, name) =>
      resource.kind === 'Node' ? get.call(fake, resource, { name: 'b' }) : get.call(fake, resource, name);
    await look({ minutes: 15 });
    expect(held()).toBe(2);
    expect(lines.at(-1)).toBe('ipam garbage: 10.0.0.0: a fresh read leaves one witness');
  });

  it('frees nothing when some list does not come: a missing answer proves nothing', async () => {
    const { look, held, fake } = room();
    for (const minutes of [0, 5, 10]) await look({ minutes });
    const { listAll } = fake;
    fake.listAll = async resource => {
      if (resource.kind !== 'Pod') return listAll.call(fake, resource);
      return { ok: false, fault: { code: 'Unreachable', message: 'no answer' } } as never;
    };
    expect(await look({ minutes: 15 })).toBe('no answer');
    expect(held()).toBe(2);
  });

  it('heeds leakGracePeriod: 0 switches it off, nonsense stops it, a shorter one is quicker', async () => {
    for (const [leakGracePeriod, left] of [
      ['0s', 2],
      ['soon', 2],
      ['5m', 1],
    ] as const) {
      const { look, held, fake } = room();
      fake.put('KubeControllersConfiguration', 'default', { controllers: { node: { leakGracePeriod } } });
      for (const minutes of [0, 5, 10, 15]) await look({ minutes });
      expect(held()).toBe(left);
    }
  });

  it('gives back the empty blocks of living nodes that no pool holds any more', async () => {
    const { look, fake, notes } = room();
    const more = new Addresses().block('10.0.2.0/26', 'b').stored();
    for (const { kind, metadata, spec } of more) fake.put(kind, metadata.name, spec);
    for (const minutes of [0, 5]) await look({ minutes });
    expect(fake.of('IPAMBlock').map(({ metadata }) => metadata.name)).toEqual(['10-0-0-0-26']);
    expect(
      notes
        .filter(({ reason }) => reason === 'BlockFreed')
        .map(({ about, message }) => [about.name, message]),
    ).toEqual(
      ['10.0.1.0/26', '10.0.2.0/26'].map(cidr => [
        'b',
        `block ${cidr} of node b is deleted: it was seen empty twice, a minute apart, and the node can do without`,
      ]),
    );
  });

  it('only counts when it is off', async () => {
    const { look, held, lines, notes, garbage, fake } = room('off');
    for (const minutes of [0, 5, 10, 15, 20]) await look({ minutes });
    expect([held(), fake.of('IPAMBlock').length, lines, notes]).toEqual([2, 2, [], []]);
    expect(garbage.metrics()).toContain('ipam_allocations_in_use{ippool="default",node="a"} 1\n');
  });

  it('lets what it freed cool down', async () => {
    const { look, fake } = room();
    fake.put('IPAMConfiguration', 'default', { ipCooldownSeconds: 60 });
    for (const minutes of [0, 5, 10, 15]) await look({ minutes });
    const [block] = fake.of('IPAMBlock').filter(({ metadata }) => metadata.name === '10-0-0-0-26');
    expect(JSON.stringify(block)).toContain('releasedAt');
  });

  it('adds up what it freed within the hour, wave after wave', async () => {
    const { look, fake, notes } = room();
    const wave = (cidr: string, name: string) => {
      const addresses = new Addresses().block(cidr, 'a');
      for (let i = 0; i < 12; i++) addresses.pod(cidr, 'a', `${name}-${i}`);
      for (const { kind, metadata, spec } of addresses.stored()) fake.put(kind, metadata.name, spec);
    };
    const freed = () =>
      notes.filter(({ reason }) => reason === 'AddressFreed').flatMap(({ message }) => message.split(' | '))
        .length;
    wave('10.0.0.64/26', 'first');
    for (const minutes of [0, 5, 10, 15]) await look({ minutes });
    expect(freed()).toBe(13);
    wave('10.0.0.128/26', 'second');
    for (const minutes of [20, 25, 30, 35, 40]) await look({ minutes });
    expect(freed()).toBe(13);
    expect(
      notes.some(({ message }) => message.includes('within an hour') || /more than the/.test(message)),
    ).toBe(true);
  });

  it('tells of many freed addresses in few Events, since a flood of them would be dropped', async () => {
    const { look, fake, notes } = room();
    const addresses = new Addresses().block('10.0.0.64/26', 'a');
    for (let i = 0; i < 15; i++) addresses.pod('10.0.0.64/26', 'a', `many-${i}`);
    for (const { kind, metadata, spec } of addresses.stored()) fake.put(kind, metadata.name, spec);
    for (const minutes of [0, 5, 10, 15]) await look({ minutes });
    const told = notes.filter(({ reason }) => reason === 'AddressFreed');
    expect(told.length).toBeLessThan(4);
    expect(told.flatMap(({ message }) => message.split(' | '))).toHaveLength(16);
    for (const { message } of told) expect(message.length).toBeLessThanOrEqual(900);
  });
});
