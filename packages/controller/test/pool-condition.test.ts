import { describe, expect, it } from 'vitest';
import { type PoolObject, poolCondition } from '../src/pool-condition.ts';

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
