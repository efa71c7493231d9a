import { describe, expect, it } from 'vitest';
import { fakeApi } from '../fake-api.ts';
import { muslinctl } from '../test-context.ts';
import { block, CALICO, CLUSTER, podOwner } from './cluster.ts';

/** What `ipam show` prints of these blocks, all of pool 10.1.0.0/26 or of none. */
async function show(blocks: readonly object[], view = '--map', poolCidr = '10.1.0.0/26'): Promise<string> {
  const server = await fakeApi({
    ...CLUSTER,
    [`${CALICO}/ippools`]: [{ metadata: { name: 'default' }, spec: { cidr: poolCidr, blockSize: 28 } }],
    [`${CALICO}/ipreservations`]: [],
    [`${CALICO}/ipamblocks`]: blocks as never,
  });
  const ran = await muslinctl(['ipam', 'show', view, '--kubeconfig', server.kubeconfig]);
  await server.close();
  return ran.stdout;
}

const addresses = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ ip: `10.1.0.${i}`, node: 'n1', owner: podOwner(`p${i}`) }));
/** The same, assigned at another time. */
const bornAt = (time: string, made: object) =>
  JSON.parse(JSON.stringify(made).replaceAll('2026-02-28T12:00:00Z', time)) as object;

describe('the picture of blocks', () => {
  it('breaks lines after 64 addresses', async () => {
    const drawn = await show([block('10.1.0.0/25', 'n1', addresses(66))], '--map', '10.1.0.0/24');
    expect(drawn.split('\n').slice(1, 4)).toEqual([
      '  10.1.0.0/25   host:n1   66/128',
      `    ${'#'.repeat(64)}`,
      `    ##${'.'.repeat(62)}`,
    ]);
  });

  it('shows blocks of no pool at the end', async () => {
    const drawn = await show([block('10.9.0.0/30', 'n1', [])]);
    expect(drawn).toContain('in no pool\n  10.9.0.0/30   host:n1   0/4\n    ....\n');
  });

  it('tells what is left in a block without an owner among what is borrowed', async () => {
    const { spec, ...rest } = block('10.1.0.0/28', 'n1', addresses(1));
    const { affinity: _, ...nobodys } = spec as Record<string, unknown>;
    const table = await show([{ ...rest, spec: nobodys }], '--show-borrowed');
    expect(table).toMatch(/\| 10\.1\.0\.0 \| n1 +\| 10\.1\.0\.0\/28 \| +\| pod +\| web\/p0 +\|/);
  });
});

describe('the forecast', () => {
  const forecast = async (...of: Parameters<typeof show>) =>
    (await show(...of))
      .split('\n')
      .find(line => line.includes('forecast:'))
      ?.trim();

  it('says that a pool is full', async () => {
    expect(await forecast([block('10.1.0.0/28', 'n1', addresses(16))], '--map', '10.1.0.0/28')).toBe(
      'forecast: the pool is full',
    );
  });

  it('counts hours when it is near', async () => {
    const held = bornAt('2026-03-01T06:00:00Z', block('10.1.0.0/26', 'n1', addresses(48)));
    expect(await forecast([held])).toBe(
      'forecast: 48 assigned within the last 6 hours and still held; at that pace the 16 free addresses are used up in 2 hours or later',
    );
  });

  it('counts no further than ten years', async () => {
    const held = bornAt('2026-02-20T12:00:00Z', block('10.1.0.0/28', 'n1', addresses(1)));
    const late = bornAt(
      '2026-02-25T12:00:00Z',
      block('10.1.0.16/28', 'n1', [{ ip: '10.1.0.16', node: 'n1', owner: podOwner('x') }]),
    );
    expect(await forecast([held, late], '--map', '10.1.0.0/16')).toMatch(
      /^forecast: 1 assigned .* used up not within ten years$/,
    );
  });
});
