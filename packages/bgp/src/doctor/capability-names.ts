import { decodeCapability } from '../wire/capability.ts';
import { familyOfCodes } from '../wire/route-family.ts';

/** The capabilities that the data of a NOTIFICATION 2/7 lists (RFC 5492 §5), in words; empty when there is no list. */
export function capabilityNames(data: Uint8Array): readonly string[] {
  const names: string[] = [];
  for (let at = 0; at + 2 <= data.length; ) {
    const [code = 0, length = 0] = data.subarray(at, at + 2);
    names.push(nameOf(code, data.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return names;
}

function nameOf(code: number, value: Uint8Array): string {
  const capability = decodeCapability(code, value);
  if (capability === undefined || capability.kind === 'unknown') return `capability ${code}`;
  if (capability.kind !== 'multiprotocol') return capability.kind;
  const { afi, safi } = capability.value;
  return familyOfCodes(afi, safi) ?? `AFI ${afi} SAFI ${safi}`;
}
