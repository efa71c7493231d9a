import { type Clock, systemClock } from './clock.ts';
import { isPassing, type KubeFault } from './kube-fault.ts';
import type { Resource } from './resource.ts';
import { explainWatchFault } from './watch-fault.ts';

/** An outage breaks all watches of a program within moments. */
const GATHER_MS = 500;
/** What is said again only after this long, as long as it goes on. */
const QUIET_MS = 60_000;

/**
 * Makes what tells of watches that broke. What may pass by itself is one line for all kinds together, and then silence for a
 * minute; what somebody must mend is told of each kind.
 * @param untilThen what waits for a kind that is not served: `no pod can start before`
 */
export function watchFaults(
  tell: (kind: string, message: string) => void,
  untilThen: string,
  clock: Clock = systemClock,
): (kind: string, resource: Resource, fault: KubeFault) => void {
  const broken = new Map<string, string>();
  let gathering = false;
  let quietUntil = Number.NEGATIVE_INFINITY;
  const say = () => {
    gathering = false;
    const [[kind, message] = ['', '']] = broken;
    if (broken.size === 1) tell(kind, message);
    else tell([...broken.keys()].join(', '), `${broken.size} watches broke; the first: ${message}`);
    broken.clear();
    quietUntil = clock.now() + QUIET_MS;
  };
  return (kind, resource, fault) => {
    const message = explainWatchFault(resource, fault, untilThen);
    if (!isPassing(fault)) return tell(kind, message);
    if (clock.now() < quietUntil) return;
    broken.set(kind, broken.get(kind) ?? message);
    if (gathering) return;
    gathering = true;
    void clock.sleep(GATHER_MS).then(say);
  };
}
