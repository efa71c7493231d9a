import { ATTRIBUTES } from './attributes.ts';
import { ENDINGS } from './endings.ts';
import { FAMILIES } from './families.ts';
import type { Feature } from './feature.ts';
import { RESTARTS } from './restarts.ts';
import { TRANSPORT } from './transport.ts';

/** The rows of the table, in its order. */
export const FEATURES: readonly Feature[] = [
  ...FAMILIES,
  ...ATTRIBUTES,
  ...TRANSPORT,
  ...RESTARTS,
  ...ENDINGS,
];
