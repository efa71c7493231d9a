import { execFileSync, spawnSync } from 'node:child_process';

export const OURS = 'msl-t-io-m';
export const THEIRS = 'msl-t-io-p';

/** Both namespaces, new, on one cable. */
export function makeNamespaces(): void {
  removeNamespaces();
  const ip = (text: string) => execFileSync('ip', text.split(' '));
  for (const ns of [OURS, THEIRS]) ip(`netns add ${ns}`);
  ip(`link add io0 netns ${OURS} type veth peer name io0 netns ${THEIRS}`);
  [OURS, THEIRS].forEach((ns, i) => {
    ip(`-n ${ns} link set lo up`);
    ip(`-n ${ns} link set io0 up`);
    ip(`-n ${ns} addr add 10.78.0.${i + 1}/24 dev io0`);
    ip(`-n ${ns} addr add fd78::${i + 1}/64 dev io0 nodad`);
  });
}

export function removeNamespaces(): void {
  for (const ns of [OURS, THEIRS]) spawnSync('ip', ['netns', 'del', ns]);
}
