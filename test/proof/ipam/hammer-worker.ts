import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { ALL, type Pool } from '@muslin/api';
import { allocate, type AllocationRequest, DEFAULT_IPAM_CONFIG, drive, releaseHandles } from '@muslin/ipam';
import { ipamStore, KubeClient, loadKubeconfig } from '@muslin/kube';
import { formatIp, mustPrefix } from '@muslin/net';
import { Dice } from '../dice.ts';

/** A node that takes and gives back addresses until it had its share. Everything that matters stands in its journal first. */
const [node = '', kubeconfig = '', journal = '', cidr = '', blockSize = '', share = '', life = ''] =
  process.argv.slice(2);
/** Addresses that it holds at once, at most. */
const MOST = 16;

// Nobody is left to hammer for.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && process.exit(1), 500).unref();

const connection = loadKubeconfig({ path: kubeconfig });
if (!connection.ok) throw new Error(connection.fault.message);
const client = new KubeClient(connection.value, { userAgent: node });
const store = ipamStore(client);
const dice = new Dice(Number(life) * 7_919 + Number(node.slice(1)));
const pool: Pool = {
  ...{ name: 'hammer', cidr: mustPrefix(cidr), blockSize: Number(blockSize), natOutgoing: false },
  ...{ disabled: false, disableBgpExport: false, ipipMode: 'Never', vxlanMode: 'Never', nodeSelector: ALL },
  ...{ namespaceSelector: undefined, allowedUses: new Set(['Workload']), assignmentMode: 'Automatic' },
};
let conflicts = 0;
const counted: typeof store = async effect => {
  const answer = await store(effect);
  const answers = answer.type === 'all' ? answer.answers : [answer];
  conflicts += answers.filter(({ type }) => type === 'conflict').length;
  return answer;
};

/** Survives this process: the kernel has it when the call is over. The clock is one for all processes. */
const write = (what: string, handle: string, ip = '') =>
  appendFileSync(journal, `${process.hrtime.bigint()} ${what} ${handle} ${ip}\n`);

function requestFor(name: string): AllocationRequest {
  return {
    handleId: `hammer.${name}`,
    owner: { type: 'pod', namespace: 'hammer', name, uid: `uid-${name}` },
    node: { name: node, labels: new Map() },
    namespace: { labels: new Map() },
    ...{ families: [4], use: 'Workload', pools: [pool], reservations: [] },
    ...{ config: DEFAULT_IPAM_CONFIG, now: Date.now() },
  };
}

/** Tries until it is done: the pod's addresses must go. */
async function release(handles: readonly string[]): Promise<void> {
  if (handles.length === 0) return;
  for (const handle of handles) write('drop', handle);
  for (;;) {
    const done = await drive(releaseHandles(handles, { now: Date.now(), cooldownMs: 0 }), counted);
    if (done.ok) break;
    if (done.fault.code !== 'store' && done.fault.code !== 'gave-up') throw new Error(done.fault.message);
  }
  for (const handle of handles) write('done', handle);
}

/** What earlier lives began and did not end: the kubelet's DELs; and how many addresses they had. */
function earlier(): { readonly open: readonly string[]; readonly had: number; readonly named: number } {
  const open = new Set<string>();
  let [had, named] = [0, 0];
  const lines = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n') : [];
  for (const line of lines) {
    const [, what, handle = ''] = line.split(' ');
    if (what === 'try') {
      open.add(handle);
      named++;
    }
    if (what === 'got') had++;
    if (what === 'done') open.delete(handle);
  }
  return { open: [...open], had, named };
}

// All at once, or they hardly meet.
write('ready', node);
while (!existsSync(`${kubeconfig}.go`)) await setTimeout(5);
const before = earlier();
await release(before.open);
const held: string[] = [];
let [had, named] = [before.had, before.named];
while (had < Number(share)) {
  if (held.length >= MOST || (held.length > 0 && dice.next() < 0.3)) {
    const count = 1 + Math.floor(dice.next() * Math.min(3, held.length));
    const some = Array.from({ length: count }, () =>
      held.splice(Math.floor(dice.next() * held.length), 1),
    ).flat();
    await release(some);
    continue;
  }
  const request = requestFor(`${node}-${named++}`);
  write('try', request.handleId);
  const done = await drive(allocate(request), counted);
  const [address] = done.ok ? done.value.addresses : [];
  if (address === undefined) {
    await release([request.handleId]);
    continue;
  }
  write('got', request.handleId, formatIp(address.ip));
  held.push(request.handleId);
  had++;
}
await release(held);
write('conflicts', String(conflicts));
await client.close();
