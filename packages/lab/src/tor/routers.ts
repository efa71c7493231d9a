import type { TorKind } from '../options.ts';
import { bird } from './bird.ts';
import { frr } from './frr.ts';
import { gobgp } from './gobgp.ts';
import type { Router, RouterPlace } from './router.ts';

const ROUTERS: Readonly<Record<Exclude<TorKind, 'none'>, (place: RouterPlace) => Router>> = {
  bird,
  frr,
  gobgp,
};

/** The router of that kind, not started; undefined for `none`. */
export function routerOf(kind: TorKind, place: RouterPlace): Router | undefined {
  return kind === 'none' ? undefined : ROUTERS[kind](place);
}
