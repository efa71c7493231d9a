import type { LoadedObject } from '../files/load.ts';
import { formatPlace } from '../files/place.ts';

/** One line about an object of a file: where it stands, what it is, what is wrong. */
export function complaint({ object, locate }: LoadedObject, message: string, path = ''): string {
  const { namespace, name } = object.metadata;
  return `${formatPlace(locate(path))}: ${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}: ${message}`;
}
