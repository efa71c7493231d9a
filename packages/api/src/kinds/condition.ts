import * as z from 'zod';
import { choice, integer, list, object, text } from './property.ts';

const TYPE =
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$';

/** A status condition (meta/v1 Condition). */
const condition = object(
  {
    type: text('What the condition is about', { max: 316, pattern: TYPE }),
    status: choice(['True', 'False', 'Unknown'], 'Whether it holds'),
    reason: text('Why, as one word for programs', {
      min: 1,
      max: 1_024,
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
    }),
    message: text('Why, as a sentence for people', { max: 32_768 }),
    lastTransitionTime: text('When the status last changed', { format: 'date-time' }),
    observedGeneration: integer('Generation of the object that this is about', {
      least: 0,
      format: 'int64',
    }).optional(),
  },
  'One thing that is or is not so',
);

/** A list of conditions, one of each type. */
export function conditions(description: string) {
  return list(condition, description, { mapKeys: ['type'] }).optional();
}

/** A status that holds conditions. */
export const conditionStatus = z
  .object({ conditions: conditions('What is known about the object') })
  .meta({ description: 'What Muslin found' });
