import { flag, object, text } from './property.ts';

/** A password that lives in a Secret. */
export function passwordSource(description: string) {
  return object(
    {
      secretKeyRef: object(
        {
          name: text('Name of the Secret, in the namespace of the Muslin pods').default(''),
          key: text("Key of the Secret's data that holds the password"),
          optional: flag(
            'Whether the Secret or its key may be missing; the session then has no password',
          ).optional(),
        },
        'Where the password is kept',
      ).optional(),
    },
    description,
  );
}
