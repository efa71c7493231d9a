import type { Snapshot } from '@muslin/api';
import type { Result } from '@muslin/net';
import type { Explanation, Flow, FlowFault } from './flow.ts';
import { Judge } from './judge.ts';

/**
 * Whether a connection can be opened, and why: both ends, tier by tier, policy by policy, rule by rule.
 *
 * Equals what the policies of `nodeState` of both nodes decide on the packet. Asking about many flows of one snapshot
 * is much faster with one `Judge`.
 */
export function verdict(snapshot: Snapshot, flow: Flow): Result<Explanation, FlowFault> {
  return new Judge(snapshot).verdict(flow);
}
