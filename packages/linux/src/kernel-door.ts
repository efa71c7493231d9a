import type { DriverFault, Op, Plan } from '@muslin/dataplane';
import { type Family, fail, ok, type Result } from '@muslin/net';
import { CountReader } from './counts/count-reader.ts';
import { driverFault } from './driver-fault.ts';
import { type IpsetDriver, NetlinkIpsetDriver } from './ipset/ipset-driver.ts';
import type { Backend, IptablesDriver } from './iptables/iptables-driver.ts';
import { keptIptablesDriver } from './iptables/kept-iptables-driver.ts';
import type { Namespace } from './netns/namespace.ts';
import { NetlinkNftDriver } from './nft/netlink-nft-driver.ts';
import { type NftDriver, nftDriver } from './nft/nft-driver.ts';
import { RouteDriver } from './routes/route-driver.ts';
import type { SystemFault } from './system-calls.ts';

/** Everything that a plan can change in one network namespace. */
export interface KernelDoor {
  readonly sets: IpsetDriver;
  /** Of the back end that it was opened for. */
  readonly tables: Readonly<Record<Family, IptablesDriver>>;
  /** Of both back ends. */
  readonly variants: Readonly<Record<Backend, Readonly<Record<Family, IptablesDriver>>>>;
  /** The nftables back end, for plans that render through it instead of `sets` and `tables`. */
  readonly nft: Readonly<Record<Family, NftDriver>>;
  readonly routes: Pick<RouteDriver, 'read' | 'apply' | 'close'>;
  /** What rules and sets have counted. */
  readonly counts: Pick<CountReader, 'rules' | 'members' | 'close'>;
  /** Performs a plan in order and stops at the first fault; runs of route steps are tried as a whole. */
  apply(plan: Plan): Promise<Result<void, DriverFault>>;
  /** Whether a process that works for this door has this id: its changes are ours. */
  runs(pid: number): boolean;
  close(): Promise<void>;
}

/** Opens the drivers of a namespace (absent: the calling thread's). */
export function openKernel(options: {
  readonly backend: Backend;
  readonly namespace?: Namespace;
  /** How long one restore, save or nft may take; default 30 s. */
  readonly timeoutMs?: number;
}): Result<KernelDoor, SystemFault> {
  const { backend, namespace, timeoutMs = 30_000 } = options;
  const sets = NetlinkIpsetDriver.open(namespace);
  if (!sets.ok) return sets;
  const routes = RouteDriver.open(namespace);
  if (!routes.ok) {
    sets.value.close();
    return routes;
  }
  const counts = CountReader.open(namespace);
  if (!counts.ok) {
    sets.value.close();
    routes.value.close();
    return counts;
  }
  const driversOf = (variant: Backend) => ({
    4: keptIptablesDriver({ family: 4, backend: variant, namespace, timeoutMs }),
    6: keptIptablesDriver({ family: 6, backend: variant, namespace, timeoutMs }),
  });
  const variants = { legacy: driversOf('legacy'), nft: driversOf('nft') };
  const nftOf = (family: Family): NftDriver => {
    const opened = NetlinkNftDriver.open({ family, namespace, timeoutMs });
    return opened.ok ? opened.value : nftDriver({ family, namespace, timeoutMs });
  };
  const nft = { 4: nftOf(4), 6: nftOf(6) };
  const door = {
    sets: sets.value,
    tables: variants[backend],
    variants,
    nft,
    routes: routes.value,
    counts: counts.value,
  };
  return ok({
    ...door,
    apply: plan => applyPlan(plan, door),
    runs: pid => Object.values(variants).some(both => Object.values(both).some(driver => driver.runs(pid))),
    async close() {
      sets.value.close();
      routes.value.close();
      counts.value.close();
      nft[4].close();
      nft[6].close();
      const drivers = Object.values(variants).flatMap(both => Object.values(both));
      await Promise.all(drivers.map(driver => driver.close()));
    },
  });
}

async function applyPlan(
  plan: Plan,
  { sets, tables, variants, nft, routes }: Omit<KernelDoor, 'apply' | 'close' | 'runs' | 'counts'>,
): Promise<Result<void, DriverFault>> {
  for (let i = 0; i < plan.length; ) {
    const op = plan[i] as Op;
    switch (op.kind) {
      case 'route': {
        let end = i;
        while (plan[end]?.kind === 'route') end++;
        const run = plan.slice(i, end).filter(step => step.kind === 'route');
        const applied = await routes.apply(run);
        if (!applied.ok) return applied;
        i = end;
        continue;
      }
      case 'ipset': {
        const applied = await sets.apply([op]);
        if (!applied.ok) return applied;
        break;
      }
      case 'iptables': {
        let end = i;
        while (plan[end]?.kind === 'iptables') end++;
        const applied = await restoreRun(
          plan.slice(i, end).filter(step => step.kind === 'iptables'),
          ({ family, variant }) => (variant === undefined ? tables : variants[variant])[family],
        );
        if (!applied.ok) return applied;
        i = end;
        continue;
      }
      case 'nft': {
        const applied = await nft[op.family].apply([op]);
        if (!applied.ok) return applied;
        break;
      }
      default:
        return op satisfies never;
    }
    i++;
  }
  return ok(undefined);
}

type IptablesOp = Op & { readonly kind: 'iptables' };

/** A run of table changes: in order within a family, both families at the same time, since neither sees the other. */
async function restoreRun(
  run: readonly IptablesOp[],
  driverOf: (op: IptablesOp) => IptablesDriver,
): Promise<Result<void, DriverFault>> {
  const inOrder = async (family: Family): Promise<Result<void, DriverFault>> => {
    for (const op of run) {
      if (op.family !== family) continue;
      const restored = await driverOf(op).restore(op.input);
      if (!restored.ok) return fail(driverFault(restored.fault, op));
    }
    return ok(undefined);
  };
  const [four, six] = await Promise.all([inOrder(4), inOrder(6)]);
  return four.ok ? six : four;
}
