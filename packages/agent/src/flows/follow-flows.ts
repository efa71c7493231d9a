import { type ConntrackDriver, watchPacketLog } from '@muslin/linux';
import type { Enforcement } from '../enforcement.ts';
import { deniedLabels } from './denied-labels.ts';
import { FlowLog } from './flow-log.ts';

/** Group 0 is what other programs use when nobody thinks of one. */
export const DENIED_LOG = { group: 6_775, perSecond: 50 } as const;

/** What following flows takes. */
export interface FlowSources {
  readonly enforcement: Pick<Enforcement, 'state' | 'metrics'>;
  readonly tracker: ConntrackDriver;
  /** Whether the kernel tells of denied packets. */
  readonly on: boolean;
  /** Told when it can't: policy is enforced all the same. */
  readonly onFault: (message: string) => void;
}

/** Joins what the kernel logs and tracks to flows with the policies that decided them. */
export function followFlows({ enforcement, tracker, on, onFault }: FlowSources) {
  const { metrics } = enforcement;
  const labels = deniedLabels();
  const flowLog = new FlowLog({
    tracker,
    state: () => enforcement.state,
    onDenied: record => metrics.denied.inc(labels(record)),
    onLost: () => metrics.flowsLost.inc(),
    now: Date.now,
  });
  const packetLog = on
    ? watchPacketLog({
        group: DENIED_LOG.group,
        onPackets: packets => flowLog.heard(packets),
        onLoss: () => flowLog.lost(),
      })
    : undefined;
  if (packetLog?.ok === false) onFault(packetLog.fault.message);
  return {
    flowLog,
    stop: () => {
      if (packetLog?.ok) packetLog.value.stop();
    },
  };
}
