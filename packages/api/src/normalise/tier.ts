import type { Tier } from '../model/policy.ts';
import { finish, type Read } from './fact.ts';
import { readHeader } from './header.ts';

/** Tiers that are always there; their order and end can't be changed (projectcalico.org/v3 Tier). */
export const BUILT_IN_TIERS: ReadonlyMap<string, Tier> = new Map(
  (
    [
      { name: 'kube-admin', order: 1_000, defaultAction: 'Pass' },
      { name: 'default', order: 1_000_000, defaultAction: 'Deny' },
      { name: 'kube-baseline', order: 10_000_000, defaultAction: 'Pass' },
    ] as const
  ).map(tier => [tier.name, tier]),
);

/** A Tier (projectcalico.org/v3): no order means last, defaultAction is Deny. */
export function readTier(object: unknown): Read<Tier> {
  const { report, spec, name } = readHeader(object, 'Cluster');
  const order = spec.at('order').number() ?? Number.POSITIVE_INFINITY;
  const defaultAction = spec.at('defaultAction').oneOf(['Deny', 'Pass']) ?? 'Deny';
  const builtIn = BUILT_IN_TIERS.get(name);
  if (builtIn === undefined) return finish(report, { name, order, defaultAction });
  if (spec.at('order').present && order !== builtIn.order)
    spec.at('order').unhonoured(`of the built-in tier ${name} is always ${builtIn.order}`);
  if (spec.at('defaultAction').present && defaultAction !== builtIn.defaultAction)
    spec.at('defaultAction').unhonoured(`of the built-in tier ${name} is always ${builtIn.defaultAction}`);
  return finish(report, builtIn);
}
