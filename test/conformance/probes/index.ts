import type { Probe } from '../probe.ts';
import { ATTRIBUTE_PROBES } from './attribute-errors.ts';
import { DECISION_PROBES } from './decision.ts';
import { HEADER_PROBES } from './header.ts';
import { IPV6_PROBES } from './ipv6.ts';
import { OPEN_PROBES } from './open.ts';
import { REFRESH_PROBES } from './refresh.ts';
import { RESTART_PROBES } from './restart.ts';
import { TELLING_PROBES } from './telling.ts';
import { SESSION_PROBES } from './session.ts';
import { UPDATE_PROBES } from './update-errors.ts';

/** All probes; the place of a probe follows from its number here. */
export const PROBES: readonly Probe[] = [
  ...HEADER_PROBES,
  ...OPEN_PROBES,
  ...SESSION_PROBES,
  ...UPDATE_PROBES,
  ...ATTRIBUTE_PROBES,
  ...TELLING_PROBES,
  ...IPV6_PROBES,
  ...DECISION_PROBES,
  ...REFRESH_PROBES,
  ...RESTART_PROBES,
];
