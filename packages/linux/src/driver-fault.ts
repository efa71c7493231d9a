import type { DriverFault, Op } from '@muslin/dataplane';

/** A step that was refused, with the kernel's or tool's own fault. */
export interface RefusedStep<Step extends Op, Fault> {
  readonly op: Step;
  readonly fault: Fault;
}

/** The fault of a driver that tries every step: `op` and `message` are the first refused one's. */
export interface StepsFault<Step extends Op, Fault> extends DriverFault {
  readonly refused: readonly RefusedStep<Step, Fault>[];
}

const LOST = new Set(['ENOBUFS', 'ETIMEDOUT', 'EINTR', 'EAGAIN', 'too-slow']);
const UNAVAILABLE = new Set([
  'EPERM',
  'EACCES',
  'ENOSYS',
  'EAFNOSUPPORT',
  'EPROTONOSUPPORT',
  'EOPNOTSUPP',
  'IPSET_ERR_FIND_TYPE',
  'IPSET_ERR_PROTOCOL',
  'not-installed',
]);

/** Sorts a fault by what to do about it: try again, install or permit something, or look at the step. */
export function driverFault(
  fault: { readonly code: string; readonly message: string },
  op?: Op,
): DriverFault {
  const code = LOST.has(fault.code) ? 'lost' : UNAVAILABLE.has(fault.code) ? 'unavailable' : 'refused';
  return { code, message: fault.message, ...(op === undefined ? {} : { op }) };
}

/** The fault of one or more refused steps. */
export function stepsFault<
  Step extends Op,
  Fault extends { readonly code: string; readonly message: string },
>(refused: readonly [RefusedStep<Step, Fault>, ...RefusedStep<Step, Fault>[]]): StepsFault<Step, Fault> {
  const [first, ...more] = refused;
  const fault = driverFault(first.fault, first.op);
  const message = more.length === 0 ? fault.message : `${fault.message} (and ${more.length} more)`;
  return { ...fault, message, refused };
}
