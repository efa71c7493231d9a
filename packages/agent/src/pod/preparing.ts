import { whenCalm } from '../kernel/when-calm.ts';
import { PreparedPods, type PreparedPodsOptions } from './prepared-pods.ts';

/** Pods that are bound in one go share a round of rules. */
const GATHER = { quietMs: 20, longestMs: 40 } as const;
/** How often to look whether somebody is waited for in vain. */
const LOOK_MS = 5_000;

/** What keeping pods prepared takes. */
export interface PreparingOptions extends Omit<PreparedPodsOptions, 'now' | 'enforce'> {
  readonly wish: 'on' | 'off';
  readonly enforcer: {
    readonly started: boolean;
    readonly enforce: () => Promise<void>;
    readonly poke: () => void;
  };
}

/** Prepares pods as they are seen and as addresses come into hand; nothing before rules are enforced at all. */
export function startPreparing({ wish, enforcer, ...options }: PreparingOptions): {
  readonly pods: PreparedPods;
  /** Something may have changed. */
  readonly soon: () => void;
  /** What was waited for is there: looks at once. */
  readonly now: () => void;
  readonly stop: () => void;
} {
  const pods = new PreparedPods({
    ...options,
    enforce: () => enforcer.enforce(),
    now: () => performance.now(),
    ...(wish === 'off' && { most: 0 }),
  });
  const look = () => {
    if (enforcer.started && pods.look()) enforcer.poke();
  };
  const { soon, stop } = whenCalm(look, GATHER);
  const often = setInterval(look, LOOK_MS);
  often.unref();
  return {
    pods,
    soon,
    now: look,
    stop: () => {
      stop();
      clearInterval(often);
    },
  };
}
