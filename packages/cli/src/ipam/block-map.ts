import {
  type AddressState,
  addressStates,
  addressesOf,
  forecast,
  formatOwner,
  type PoolUsage,
} from '@muslin/ipam';
import { formatPrefix } from '@muslin/net';
import type { Context } from '../context.ts';
import type { Paint } from '../output/paint.ts';
import { ledgerUsage } from './usage-table.ts';
import type { Ledger } from './ledger.ts';

/** One character for each address, and what it means. */
const SIGNS: Readonly<Record<AddressState, { readonly sign: string; readonly paint: keyof Paint }>> = {
  'in-use': { sign: '#', paint: 'good' },
  borrowed: { sign: 'b', paint: 'bad' },
  cooling: { sign: '~', paint: 'dim' },
  reserved: { sign: 'r', paint: 'dim' },
  free: { sign: '.', paint: 'dim' },
};
const LEGEND = '# in use by its node   b borrowed by another   ~ cooling down   r reserved   . free';
const WIDTH = 64;

/** Every block as a picture, pool by pool, each with a line that foresees when it is full. */
export function mapText(ledger: Ledger, ctx: Pick<Context, 'paint' | 'now'>): string {
  const usage = ledgerUsage(ledger);
  const lines: string[] = [];
  const picture = (block: PoolUsage['blocks'][number]) => {
    const { cidr, owner } = block.block;
    lines.push(
      `  ${formatPrefix(cidr)}   ${owner === undefined ? 'nobody' : formatOwner(owner)}   ${block.inUse}/${block.total}`,
    );
    const states = addressStates(block.block, ledger.reservations);
    for (let at = 0; at < states.length; at += WIDTH)
      lines.push(`    ${row(states.slice(at, at + WIDTH), ctx.paint)}`);
  };
  for (const pool of usage.pools) {
    lines.push(
      `${ctx.paint.bold(pool.pool.name)}   ${formatPrefix(pool.pool.cidr)}${pool.pool.disabled ? '   disabled' : ''}`,
    );
    pool.blocks.forEach(picture);
    lines.push(`  ${forecastText(pool, ctx.now().getTime())}`, '');
  }
  if (usage.strays.length > 0) {
    lines.push(ctx.paint.bold('in no pool'));
    usage.strays.forEach(picture);
    lines.push('');
  }
  return `${[...lines, LEGEND].join('\n')}\n`;
}

/** When a pool may be full, and what that rests on. */
export function forecastText(pool: PoolUsage, now: number): string {
  const born = pool.blocks.flatMap(({ block }) =>
    addressesOf(block).map(({ attribute }) => Date.parse(attribute.secondary['timestamp'] ?? '')),
  );
  const seen = forecast(born, pool.free, now);
  if (pool.free === 0) return 'forecast: the pool is full';
  if (seen === undefined) return 'forecast: none, too little is known about when addresses were assigned';
  const span = seen.days > 1 ? `${plain(seen.days)} days` : `${plain(seen.days * 24)} hours`;
  const gained = `${seen.gained} assigned within the last ${span} and still held`;
  if (seen.daysLeft === undefined) return `forecast: ${gained}; no end in sight`;
  const left =
    seen.daysLeft > 3650
      ? 'not within ten years'
      : seen.daysLeft >= 2
        ? `in ${Math.floor(seen.daysLeft)} days or later`
        : `in ${Math.floor(seen.daysLeft * 24)} hours or later`;
  return `forecast: ${gained}; at that pace the ${pool.free} free addresses are used up ${left}`;
}

/** Runs of one kind are painted at once, so that a terminal gets no more codes than needed. */
function row(states: readonly AddressState[], paint: Paint): string {
  let text = '';
  for (let i = 0; i < states.length; ) {
    const state = states[i] ?? 'free';
    let end = i;
    while (states[end] === state) end++;
    const { sign, paint: colour } = SIGNS[state];
    text += paint[colour](sign.repeat(end - i));
    i = end;
  }
  return text;
}

const plain = (value: number) => String(Math.round(value * 10) / 10);
