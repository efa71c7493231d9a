import { text } from '../property.ts';

/** A duration in hours, minutes, seconds and milliseconds. Calico's own pattern asks for a backslash in `1.5s`; this one does not. */
export function span(description: string, usual?: string) {
  const pattern = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))*$';
  return text(description, usual === undefined ? { pattern } : { pattern, usual });
}

/** A duration or Auto. Every unit needs its number, unlike in Calico's pattern, so that matching can't explode. */
export function timeout(description: string, usual?: string) {
  const pattern = '^((([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ms|us|s|h|m))+|Auto)$';
  return text(description, usual === undefined ? { pattern } : { pattern, usual });
}
