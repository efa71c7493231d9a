import { fail, ok, type Result } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  drive,
  type Effect,
  type IpamKind,
  type ObjectClient,
  performWith,
  releaseByHandle,
  type StoredObject,
} from '../src/index.ts';
import { NOW, pool, podRequest, World } from './world.ts';

const kinds = { IPAMBlock: 'IPAMBlock', BlockAffinity: 'BlockAffinity', IPAMHandle: 'IPAMHandle' } as const;

/** A client over a world, which answers as an API server does. */
function clientOf(world: World, broken: { code: string } | undefined = undefined): ObjectClient<IpamKind> {
  const answer = async (effect: Effect): Promise<Result<never, { code: string; message: string }>> => {
    if (broken !== undefined) return fail({ ...broken, message: `${broken.code} it is` });
    const input = world.perform(effect);
    switch (input.type) {
      case 'found':
      case 'written': {
        const { kind: _, ...object } = input.object;
        return ok(object as never);
      }
      case 'listed':
        return ok({ items: input.objects } as never);
      case 'deleted':
        return ok({} as never);
      case 'absent':
        return fail({ code: 'NotFound', message: 'x' });
      case 'conflict':
        return fail({ code: effect.type === 'create' ? 'AlreadyExists' : 'Conflict', message: 'x' });
      default:
        return fail({ code: 'Other', message: input.message });
    }
  };
  const full = (kind: IpamKind, object: object) => ({ kind, ...object }) as StoredObject;
  return {
    get: (kind, { name }) => answer({ type: 'read', kind, name }),
    listAll: kind => answer({ type: 'list', kind }),
    create: (kind, object) => answer({ type: 'create', object: full(kind, object) }),
    update: (kind, object) => answer({ type: 'update', object: full(kind, object) }),
    delete: (kind, { name }, { resourceVersion }) => answer({ type: 'delete', kind, name, resourceVersion }),
  };
}

describe('performWith', () => {
  const pools = [pool('10.0.0.0/30', 31), pool('fd00::/126', 127)];
  it('lets two nodes allocate and release at the same time over a client', async () => {
    const world = new World();
    const perform = performWith(clientOf(world), kinds);
    const names = ['p', 'q', 'r', 's'];
    const got = await Promise.all(
      names.map((name, i) => drive(allocate(podRequest(i % 2 === 0 ? 'a' : 'b', name, pools)), perform)),
    );
    const ips = got.flatMap(outcome =>
      outcome.ok ? outcome.value.addresses.map(x => JSON.stringify(x.ip)) : [],
    );
    expect(new Set(ips).size).toBe(8);
    await Promise.all(
      names.map(name =>
        drive(releaseByHandle(`k8s-pod-network.${name}`, { now: NOW, cooldownMs: 0 }), perform),
      ),
    );
    expect(world.of('IPAMHandle')).toEqual([]);
  });
  for (const code of ['Unreachable', 'Forbidden', 'Throttled'])
    it(`takes ${code} for a failure of the store`, async () => {
      const perform = performWith(clientOf(new World(), { code }), kinds);
      expect(await drive(allocate(podRequest('a', 'p', pools)), perform)).toMatchObject({
        ok: false,
        fault: { code: 'store', message: expect.stringContaining(`${code} it is`) },
      });
      expect(await perform({ type: 'list', kind: 'IPAMBlock' })).toMatchObject({ type: 'failed' });
    });
});
