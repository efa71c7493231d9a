import { ROUTE_PROTOCOL_BGP, type Route, routeText } from '@muslin/dataplane';
import { formatPrefix, type Prefix } from '@muslin/net';

/** What the kernel does with a prefix. */
export interface FibState {
  /** `installed` as learned; `other`: a route that is not ours; `refused` by the kernel; `absent`. */
  readonly state: 'installed' | 'other' | 'refused' | 'absent';
  /** One line for people. */
  readonly words: string;
}

/** What the kernel has for exactly this prefix. */
export function fibState(prefix: Prefix, kernel: readonly Route[], refused: string | undefined): FibState {
  const key = formatPrefix(prefix);
  const here = kernel.filter(route => formatPrefix(route.destination) === key);
  const ours = here.find(route => route.protocol === ROUTE_PROTOCOL_BGP);
  if (ours !== undefined) return { state: 'installed', words: `in the kernel: ${routeText(ours)}` };
  if (refused !== undefined) return { state: 'refused', words: `the kernel does not take it: ${refused}` };
  const [other] = here;
  if (other !== undefined)
    return { state: 'other', words: `the kernel has another route: ${routeText(other)}` };
  return { state: 'absent', words: 'the kernel has no route to exactly this prefix' };
}
