import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { folderOf } from './instance.ts';
import { type Listing, listLab } from './ls.ts';

/** Where a command is to run: a network namespace, and what programs there should know. */
export interface Place {
  readonly netns: string;
  readonly env: Readonly<Record<string, string>>;
}

const BIN = fileURLToPath(new URL('../../../node_modules/.bin', import.meta.url));

/** The place that a person names: `shop/web-1`, `web-1` where one pod has that name, `node1`, `router` or `outside`; a text says why not. */
export function placeOf(listing: Listing, target: string): Place | string {
  const folder = folderOf(listing.id);
  if (target === 'router' || target === 'outside') return { netns: listing[target].netns, env: {} };
  const node = listing.nodes.find(({ name }) => name === target);
  if (node !== undefined) {
    const at = `${folder}/${node.name}`;
    const sockets = {
      MUSLIN_AGENT_SOCKET: `${at}/agent.sock`,
      MUSLIN_SPEAKER_SOCKET: `${at}/speaker.sock`,
    };
    // The API server's loopback address does not lead there from a node.
    return { netns: node.netns, env: { ...sockets, KUBECONFIG: `${folder}/api/admin.kubeconfig` } };
  }
  const pods = listing.pods.filter(({ namespace, name }) => [`${namespace}/${name}`, name].includes(target));
  const [pod] = pods;
  if (pod === undefined)
    return `there is no pod or node "${target}" in lab "${listing.id}"; "npm run -s lab -- ls" names all`;
  if (pods.length > 1)
    return `"${target}" is ${pods.map(({ namespace, name }) => `${namespace}/${name}`).join(' and ')}: write one of them`;
  if (pod.netns === '') return `pod ${target} has no network namespace yet: it is ${pod.phase}`;
  return { netns: pod.netns, env: {} };
}

/** Runs a command in the network namespace of a pod or node, at this terminal; its exit code, or the sentence that says why not. */
export async function execIn(
  id: string,
  target: string,
  command: readonly string[],
): Promise<number | string> {
  const listing = await listLab(id);
  if (typeof listing === 'string') return listing;
  const place = placeOf(listing, target);
  if (typeof place === 'string') return place;
  const args = ['netns', 'exec', place.netns, ...(command.length > 0 ? command : ['sh'])];
  const env = { ...process.env, ...place.env, PATH: `${BIN}:${process.env['PATH'] ?? ''}` };
  // Ctrl-C is the command's business.
  const ignore = () => {};
  process.on('SIGINT', ignore);
  const done = spawnSync('ip', args, { stdio: 'inherit', env });
  process.off('SIGINT', ignore);
  if (done.error !== undefined) return `ip netns exec did not start: ${done.error.message}`;
  return done.status ?? 128 + constants.signals[done.signal ?? 'SIGKILL'];
}
