import type { AnyObject, KubeClient } from '@muslin/kube';
import { fail } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { meansTheSame, type PoolObject, poolCondition, poolsNear } from '../src/pool-condition.ts';
import { PoolStatus } from '../src/pool-status.ts';

const pool = (name: string, cidr: string, created: string, more: object = {}): PoolObject =>
  ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: {
      name,
      creationTimestamp: `2026-01-${created}T00:00:00Z`,
      ...('metadata' in more ? (more.metadata as object) : {}),
    },
    spec: { cidr, ...('spec' in more ? (more.spec as object) : {}) },
  }) as PoolObject;

const OLD = pool('old', '10.0.0.0/16', '01');
const YOUNG = pool('young', '10.0.128.0/17', '02');
const APART = pool('apart', '10.1.0.0/16', '03');

describe('the condition of an IPPool', () => {
  it('is Allocatable when nothing is wrong', () => {
    expect(poolCondition(APART, [OLD, YOUNG, APART])).toEqual({
      type: 'Allocatable',
      status: 'True',
      reason: 'OK',
      message: 'addresses can be assigned',
    });
  });

  it('lets the older of two overlapping pools stand, whatever the order of the list', () => {
    for (const all of [
      [OLD, YOUNG],
      [YOUNG, OLD],
    ]) {
      expect(poolCondition(OLD, all)).toMatchObject({ status: 'True' });
      expect(poolCondition(YOUNG, all)).toMatchObject({
        status: 'False',
        reason: 'CIDROverlap',
        message: 'spec.cidr overlaps with 10.0.0.0/16 of the older IPPool old',
      });
    }
  });

  it('finds the wider pool guilty, too, when it is the younger', () => {
    const wide = pool('wide', '10.0.0.0/8', '09');
    expect(poolCondition(wide, [OLD, wide])).toMatchObject({ reason: 'CIDROverlap' });
    expect(poolCondition(OLD, [OLD, wide])).toMatchObject({ status: 'True' });
  });

  it('decides by name between pools of one age', () => {
    const a = pool('a', '10.0.0.0/16', '01');
    const b = pool('b', '10.0.0.0/16', '01');
    expect(poolCondition(a, [b, a])).toMatchObject({ status: 'True' });
    expect(poolCondition(b, [b, a])).toMatchObject({ reason: 'CIDROverlap' });
  });

  it('of exactly one of any two equal pools is True, so that a mistake never takes both away', () => {
    const ages = ['01', '02', '01'];
    const all = ages.map((age, i) => pool(`p${i}`, '10.0.0.0/24', age));
    expect(all.filter(one => poolCondition(one, all).status === 'True')).toHaveLength(1);
  });

  it('is not disturbed by an older pool that is invalid', () => {
    const broken = pool('broken', '10.0.0.0/99', '01');
    expect(poolCondition(YOUNG, [broken, YOUNG])).toMatchObject({ status: 'True' });
    const own = poolCondition(broken, [broken, YOUNG]);
    expect(own).toMatchObject({ status: 'False', reason: 'Invalid' });
    expect(own.message).toContain('spec.cidr');
  });

  it('tells of deletion before overlap, and of overlap before being disabled', () => {
    const going = pool('young', '10.0.128.0/17', '02', {
      metadata: { deletionTimestamp: '2026-02-01T00:00:00Z' },
    });
    expect(poolCondition(going, [OLD, going])).toMatchObject({ reason: 'Terminating' });
    const off = pool('off', '10.0.0.0/17', '05', { spec: { disabled: true } });
    expect(poolCondition(off, [OLD, off])).toMatchObject({ reason: 'CIDROverlap' });
    expect(poolCondition(off, [off])).toMatchObject({ status: 'False', reason: 'PoolDisabled' });
  });

  it('does not mix families', () => {
    const six = pool('six', 'fd00::/48', '09');
    expect(poolCondition(six, [OLD, six])).toMatchObject({ status: 'True' });
  });
});

describe('a change of one IPPool', () => {
  const all = new Map([OLD, YOUNG, APART].map(one => [one.metadata.name ?? '', one]));

  it('concerns itself and those that overlap with what it was or is', () => {
    expect(poolsNear(all, undefined, OLD)).toEqual(['old', 'young']);
    expect(poolsNear(all, undefined, APART)).toEqual(['apart']);
    expect(poolsNear(all, pool('gone', '10.1.0.0/17', '01'), undefined)).toEqual(['apart']);
    expect(poolsNear(all, OLD, pool('old', '10.1.0.0/17', '01'))).toEqual(['old', 'young', 'apart']);
  });

  it('concerns itself also where it says nothing that can be read', () => {
    expect(poolsNear(all, undefined, pool('apart', 'nonsense', '03'))).toEqual(['apart']);
  });

  it('is none for others when only what is noted on it changed; another life of its name is one', () => {
    const noting = (metadata: object, spec: object = {}) =>
      pool('old', '10.0.0.0/16', '01', { metadata: { uid: 'a', ...metadata }, spec });
    const noted = { finalizers: ['x'], resourceVersion: '9', labels: { a: 'b' } };
    expect(meansTheSame(noting({}), { ...noting(noted), status: {} } as PoolObject)).toBe(true);
    expect(meansTheSame(noting({}), noting({ uid: 'b' }))).toBe(false);
    expect(meansTheSame(noting({}), noting({ deletionTimestamp: '2026-01-02T00:00:00Z' }))).toBe(false);
    expect(meansTheSame(noting({}), noting({}, { disabled: true }))).toBe(false);
  });

  it('costs no request where the condition is right already, be there a thousand pools', async () => {
    const asked: string[] = [];
    const client = new Proxy({} as KubeClient, {
      get: (_, method) => async () => {
        asked.push(String(method));
        return fail({ code: 'NotFound', message: '', request: '' });
      },
    });
    const many = new Map(
      Array.from({ length: 1000 }, (_, i) => {
        const one = pool(`p${i}`, `10.${i >> 8}.${i & 255}.0/24`, '01');
        const condition = { ...poolCondition(one, []), lastTransitionTime: '2026-01-01T00:00:00Z' };
        const conditions = i === 500 ? [] : [condition];
        return [`p${i}`, { ...one, status: { conditions } } as unknown as AnyObject];
      }),
    );
    const status = new PoolStatus({ client, pools: many, log: () => undefined });
    for (const name of many.keys()) expect(await status.reconcile(name)).toBeUndefined();
    expect(asked).toEqual(['get']);
  });
});
