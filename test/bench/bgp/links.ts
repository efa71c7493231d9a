import { spawnSync } from 'node:child_process';
import { DEVICE_IP } from './device.ts';

/** Where the speaker under test runs, and where all its peers do. */
export const DEVICE_NS = 'msl-b-dut';
/** See `DEVICE_NS`. */
export const HARNESS_NS = 'msl-b-har';
const HARNESS_MAC = '02:00:0a:42:00:02';

/** Two namespaces on one link. `addresses` are those of the peers. */
export function buildLinks(addresses: readonly string[]): void {
  removeLinks();
  batch(
    [],
    [
      `netns add ${DEVICE_NS}`,
      `netns add ${HARNESS_NS}`,
      `link add eth0 netns ${DEVICE_NS} type veth peer name eth0 netns ${HARNESS_NS} address ${HARNESS_MAC}`,
    ],
  );
  batch(
    ['-n', DEVICE_NS],
    [
      ...['link set lo up', 'link set eth0 up', `address add ${DEVICE_IP}/16 dev eth0`],
      // The neighbour table of a machine takes about a thousand addresses that must be asked for: these need not be.
      ...addresses.map(ip => `neighbour replace ${ip} lladdr ${HARNESS_MAC} nud permanent dev eth0`),
    ],
  );
  batch(
    ['-n', HARNESS_NS],
    ['link set lo up', 'link set eth0 up', ...addresses.map(ip => `address add ${ip}/16 dev eth0`)],
  );
}

/** Removes them, and what is left of an earlier run. */
export function removeLinks(): void {
  for (const name of [DEVICE_NS, HARNESS_NS]) spawnSync('ip', ['netns', 'del', name]);
}

function batch(args: readonly string[], lines: readonly string[]): void {
  const done = spawnSync('ip', [...args, '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(done.stderr);
}
