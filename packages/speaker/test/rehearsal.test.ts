import { openRouteSocket } from '@muslin/linux';
import { expect, test } from 'vitest';
import { rehearse } from '../src/rehearsal.ts';

test('a rehearsal comes to its end, time and again, and leaves nothing open', async () => {
  const netlink = openRouteSocket();
  if (!netlink.ok) throw new Error(netlink.fault.message);
  const open = () => process.getActiveResourcesInfo().filter(kind => /^TCP|Timeout/.test(kind)).length;
  const before = open();
  for (let i = 0; i < 2; i++) expect(await rehearse(netlink.value, 30_000)).toBe(true);
  await expect.poll(open, { timeout: 10_000 }).toBeLessThanOrEqual(before);
}, 60_000);

test('a rehearsal that is out of time ends, and leaves nothing open either', async () => {
  const netlink = openRouteSocket();
  if (!netlink.ok) throw new Error(netlink.fault.message);
  const open = () => process.getActiveResourcesInfo().filter(kind => /^TCP/.test(kind)).length;
  const before = open();
  expect(await rehearse(netlink.value, 0)).toBe(false);
  await expect.poll(open, { timeout: 10_000 }).toBeLessThanOrEqual(before);
});
