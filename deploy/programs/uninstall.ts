import { existsSync, readdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  COMPILED_TABLES,
  emptyTable,
  parseSave,
  planNftRemoval,
  planOf,
  planRoutes,
  planSets,
  planTable,
  planTunnels,
  ROUTE_PROTOCOL_BGP,
  ROUTE_PROTOCOL_MUSLIN,
} from '@muslin/dataplane';
import { openKernel, runCommand, TunnelDriver } from '@muslin/linux';
import { unlinkLoopback } from '../../packages/agent/src/loopback-link.ts';

const USAGE = `uninstall [--conflist FILE] [--bin-dir DIR] [--run-dir DIR] [--state-dir DIR]
  removes what Muslin left on this node: rules in iptables and nftables, ipsets, routes, tunnels, and the files named
`;

/** Removes our rules, sets, routes and tunnels from the kernel; sentences for what could not be read or removed. */
export async function clearKernel(): Promise<readonly string[]> {
  const complaints: string[] = [];
  for (const backend of ['nft', 'legacy'] as const) {
    const door = openKernel({ backend });
    if (!door.ok) return [door.fault.message];
    const { tables, sets, nft, routes } = door.value;
    const plans = [];
    for (const family of [4, 6] as const)
      for (const table of COMPILED_TABLES) {
        const text = await tables[family].read(table);
        // A back end that is not installed, or a table that the kernel lacks, holds nothing of ours.
        const saved = text.ok ? parseSave(text.value).get(table) : undefined;
        const nothing = { family, table, chains: new Map(), hooks: new Map() };
        plans.push(planTable(nothing, saved ?? emptyTable(table)));
      }
    const nftPlans = [];
    for (const family of [4, 6] as const) {
      const listed = await nft[family].read();
      if (listed.ok && listed.value !== undefined) nftPlans.push(...planNftRemoval(family, listed.value));
    }
    const held = await sets.read();
    const listed = await routes.read();
    if (!held.ok) complaints.push(held.fault.message);
    if (!listed.ok) complaints.push(listed.fault.message);
    // Sets last, and only by the second back end: rules of either may hold them.
    const last = backend === 'legacy';
    const kernelRoutes = listed.ok ? listed.value : [];
    const plan = [
      ...planOf({
        tables: plans,
        nft: nftPlans,
        routes: planRoutes([], kernelRoutes, ROUTE_PROTOCOL_MUSLIN),
        ...(last && held.ok ? { sets: planSets(new Map(), held.value) } : {}),
      }),
      ...planOf({ routes: planRoutes([], kernelRoutes, ROUTE_PROTOCOL_BGP) }),
    ];
    const done = await door.value.apply(plan);
    if (!done.ok) complaints.push(done.fault.message);
    await door.value.close();
  }
  // Absent where no pod has limits, and where no other CNI's pods are governed; with them go their chains and counts.
  for (const table of ['muslin-limits', 'muslin-strangers'])
    await runCommand('nft', ['delete', 'table', 'inet', table]);
  return [...complaints, ...clearTunnels()];
}

/** Routes through them went first. */
function clearTunnels(): readonly string[] {
  const opened = TunnelDriver.open();
  if (!opened.ok) return [opened.fault.message];
  using driver = opened.value;
  const there = driver.read();
  if (!there.ok) return [there.fault.message];
  return driver.apply(planTunnels({ devices: [], entries: [] }, there.value)).map(({ message }) => message);
}

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const options = { conflist: text, 'bin-dir': text, 'run-dir': text, 'state-dir': text } as const;
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  // First what makes the runtime call us.
  if (values.conflist !== undefined) rmSync(values.conflist, { force: true });
  const bin = values['bin-dir'];
  if (bin !== undefined) {
    unlinkLoopback(bin);
    for (const name of ['muslin', 'muslin.conf']) rmSync(`${bin}/${name}`, { force: true });
  }
  const complaints = await clearKernel();
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  if (complaints.length > 0) return 1;
  for (const folder of [values['run-dir'], values['state-dir']])
    if (folder !== undefined) emptyFolder(folder);
  process.stdout.write('nothing of Muslin is left in the kernel of this node\n');
  return 0;
}

/** The folder itself may be a mount point. */
function emptyFolder(folder: string): void {
  if (existsSync(folder))
    for (const name of readdirSync(folder)) rmSync(`${folder}/${name}`, { recursive: true, force: true });
}

if (import.meta.main) process.exitCode = await main();
