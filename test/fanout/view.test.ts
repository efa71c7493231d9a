import type { AnyObject, FanoutPart, Sighting } from '@muslin/kube';
import { decodeLine } from '@muslin/kube';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodePrefixes } from '../../packages/agent/src/tunnel/node-prefixes.ts';
import { Fanout } from '../../packages/controller/src/fanout/fanout.ts';

const NODES = ['n1', 'n2', 'n3'];
const see = (kind: string, object: AnyObject): Sighting => ({
  ...{ kind, object, gone: false, policyKey: undefined },
});

/** A block /30 of `owner`, with the user of each ordinal. */
function block(name: string, owner: string | undefined, users: readonly (string | undefined)[]): AnyObject {
  const taken = users.flatMap((user, ordinal) => (user === undefined ? [] : [{ user, ordinal }]));
  return {
    ...{ apiVersion: 'projectcalico.org/v3', kind: 'IPAMBlock' },
    metadata: { name, uid: name, resourceVersion: '7' },
    spec: {
      cidr: `10.0.${name.length}.0/30`,
      ...(owner !== undefined && { affinity: `host:${owner}` }),
      allocations: users.map(
        (_, ordinal) => taken.findIndex(each => each.ordinal === ordinal) as number | null,
      ),
      unallocated: users.flatMap((user, ordinal) => (user === undefined ? [ordinal] : [])),
      attributes: taken.map(({ user, ordinal }) => ({ handle_id: `h${ordinal}`, secondary: { node: user } })),
      sequenceNumber: 3,
      sequenceNumberForAllocation: {},
      strictAffinity: false,
    },
  };
}
const whole = (object: AnyObject): AnyObject => {
  const spec = object['spec'] as { allocations: (number | null)[] };
  return {
    ...object,
    spec: { ...spec, allocations: spec.allocations.map(index => (index === -1 ? null : index)) },
  };
};
const blocks = fc
  .record({
    name: fc.constantFrom('a', 'bb', 'ccc'),
    owner: fc.constantFrom(...NODES, undefined),
    users: fc.array(fc.constantFrom(...NODES, undefined), { minLength: 4, maxLength: 4 }),
  })
  .map(({ name, owner, users }) => whole(block(name, owner, users)));

/** What a node knows of blocks by what it was told. */
function told(fanout: Fanout, node: string): Map<string, AnyObject> {
  const feed = fanout.listen(node);
  const known = new Map<string, AnyObject>();
  const take = (part: FanoutPart) => {
    if (part.type === 'object') known.set(part.object.metadata.name ?? '', part.object);
    else if (part.type === 'gone') known.delete(part.object.metadata.name ?? '');
  };
  for (let seq = 1; seq <= feed.seq; seq++)
    for (const line of feed.after(seq - 1)?.lines ?? []) {
      const read = decodeLine(line.subarray(0, -1));
      if (read.ok && read.value.type === 'part') take(read.value.part);
    }
  return known;
}

const text = (objects: Iterable<AnyObject>) =>
  nodePrefixes(objects)
    .map(each => JSON.stringify(each, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))
    .sort();

describe('what a node is told of what it is not about', () => {
  it('leads its tunnels as the whole would, for any blocks that replace each other; its own it knows whole', () => {
    fc.assert(
      fc.property(fc.array(blocks, { minLength: 1, maxLength: 12 }), list => {
        const fanout = new Fanout({ bytes: 1 << 20, messages: 100 });
        for (const node of NODES) fanout.listen(node);
        const objects = new Map<string, AnyObject>();
        for (const object of list) {
          objects.set(object.metadata.name ?? '', object);
          fanout.saw(see('IPAMBlock', object));
          fanout.flush();
        }
        for (const node of NODES) {
          const known = told(fanout, node);
          expect(text(known.values())).toEqual(text(objects.values()));
          for (const [name, object] of objects)
            if ((object['spec'] as { affinity?: string }).affinity === `host:${node}`)
              expect(known.get(name)).toEqual(object);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('does not come again for a pod of another node, nor for a heartbeat of its kubelet', () => {
    const fanout = new Fanout();
    for (const node of NODES) fanout.listen(node);
    const node = (heartbeat: string, address: string, images: number): AnyObject => ({
      ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', uid: 'u1', resourceVersion: heartbeat } },
      status: {
        addresses: [{ type: 'InternalIP', address }],
        conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: heartbeat }],
        images: Array.from({ length: images }, (_, i) => ({ names: [`image-${i}`] })),
      },
    });
    const seqs = () => NODES.map(name => fanout.listen(name).seq);
    fanout.saw(see('Node', node('1', '192.0.2.1', 3)));
    fanout.saw(see('IPAMBlock', whole(block('a', 'n1', [undefined, undefined, undefined, undefined]))));
    fanout.flush();
    expect(seqs()).toEqual([1, 1, 1]);
    expect(JSON.stringify(told(fanout, 'n2').get('n1'))).not.toMatch(/image|Heartbeat/);
    fanout.saw(see('Node', node('2', '192.0.2.1', 9)));
    fanout.saw(see('IPAMBlock', whole(block('a', 'n1', ['n1', undefined, undefined, undefined]))));
    expect(fanout.flush().nodes).toBe(1);
    expect(seqs()).toEqual([2, 1, 1]);
    fanout.saw(see('Node', node('3', '192.0.2.9', 9)));
    expect(fanout.flush().nodes).toBe(3);
    fanout.saw(see('IPAMBlock', whole(block('a', 'n1', ['n1', 'n3', undefined, undefined]))));
    expect(fanout.flush().nodes).toBe(3);
    expect(seqs()).toEqual([4, 3, 3]);
  });
});
