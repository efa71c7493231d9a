import { labels, list, object, text, texts } from './property.ts';

/** A Kubernetes LabelSelector (meta/v1). */
export function labelSelector(description: string) {
  return object(
    {
      matchLabels: labels('Labels that must have exactly these values').optional(),
      matchExpressions: list(
        object(
          {
            key: text('Label that the condition is about'),
            operator: text('In, NotIn, Exists or DoesNotExist'),
            values: texts('Values for In and NotIn', { type: 'atomic' }).optional(),
          },
          'A condition on one label',
        ),
        'Conditions that must all hold',
        { type: 'atomic' },
      ).optional(),
    },
    description,
  );
}
