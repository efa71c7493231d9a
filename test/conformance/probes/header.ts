import { attr, hex, join, KEEPALIVE, raw, updateBody } from '../octets.ts';
import { inEstablished, inOpenSent, type Probe } from '../probe.ts';

const none = new Uint8Array(0);
const bad = (rfc: string, says: string, bytes: Uint8Array, expect: string) =>
  inEstablished({ rfc, says, withData: true, bytes: () => bytes, expect });

/** RFC 4271 §4.1, §6.1; RFC 8654 §4. */
export const HEADER_PROBES: readonly Probe[] = [
  bad(
    'RFC 4271 §6.1',
    'a marker that is not all ones is answered with Connection Not Synchronized',
    join(new Array(15).fill(255), [254], [0, 19, 4]),
    'R 1/1',
  ),
  bad(
    'RFC 4271 §6.1',
    'a marker of zeros is answered with Connection Not Synchronized',
    join(new Array(16).fill(0), [0, 19, 4]),
    'R 1/1',
  ),
  bad(
    'RFC 4271 §6.1',
    'a length below 19 is answered with Bad Message Length and the length',
    raw(4, none, 18),
    'R 1/2 0012',
  ),
  bad(
    'RFC 4271 §6.1',
    'a length of zero is answered with Bad Message Length and the length',
    raw(2, none, 0),
    'R 1/2 0000',
  ),
  bad(
    'RFC 4271 §6.1',
    'a length above 4096 is answered with Bad Message Length and the length',
    raw(2, none, 4097),
    'R 1/2 1001',
  ),
  bad(
    'RFC 4271 §6.1',
    'an UPDATE shorter than 23 octets is answered with Bad Message Length and the length',
    raw(2, new Uint8Array(3)),
    'R 1/2 0016',
  ),
  bad(
    'RFC 4271 §6.1',
    'a KEEPALIVE of more than 19 octets is answered with Bad Message Length and the length',
    raw(4, Uint8Array.of(0)),
    'R 1/2 0014',
  ),
  bad(
    'RFC 4271 §6.1',
    'a NOTIFICATION shorter than 21 octets is answered with Bad Message Length and the length',
    raw(3, Uint8Array.of(6)),
    'R 1/2 0014',
  ),
  inOpenSent({
    rfc: 'RFC 4271 §6.1',
    says: 'an OPEN shorter than 29 octets is answered with Bad Message Length and the length',
    withData: true,
    bytes: () => raw(1, new Uint8Array(9)),
    expect: 'R 1/2 001c',
  }),
  bad(
    'RFC 4271 §6.1',
    'message type 0 is answered with Bad Message Type and the type',
    raw(0, none),
    'R 1/3 00',
  ),
  bad(
    'RFC 4271 §6.1',
    'message type 6 is answered with Bad Message Type and the type',
    raw(6, none),
    'R 1/3 06',
  ),
  bad(
    'RFC 4271 §6.1',
    'message type 255 is answered with Bad Message Type and the type',
    raw(255, none),
    'R 1/3 ff',
  ),
  inOpenSent({
    rfc: 'RFC 4271 §6.1',
    says: 'a wrong marker on the first message is answered with Connection Not Synchronized',
    bytes: () => join(new Array(16).fill(1), [0, 29, 1], new Array(10).fill(0)),
    expect: 'R 1/1',
  }),
  inEstablished({
    rfc: 'RFC 8654 §4',
    says: 'between two speakers that offered it an UPDATE of 5000 octets is accepted',
    open: { more: hex('0600') },
    bytes: p => raw(2, updateBody([...p.good, attr(0xd0, 8, new Array(4900).fill(1))], p.place.prefix)),
    expect: ['ok', 'W'],
  }),
  inEstablished({
    rfc: 'RFC 8654 §4',
    says: 'a KEEPALIVE of more than 19 octets is an error even then',
    open: { more: hex('0600') },
    withData: true,
    bytes: () => raw(4, new Uint8Array(5000)),
    expect: 'R 1/2 139b',
  }),
  inEstablished({
    rfc: 'RFC 9003 §2',
    says: 'a Cease with a text ends the session like any other, whatever the text',
    bytes: () => raw(3, join([6, 2, 200], new Array(10).fill(0xc3))),
    expect: 'closed',
  }),
  inEstablished({
    rfc: 'RFC 4271 §4.4',
    says: 'a KEEPALIVE is the header alone and keeps the session',
    bytes: () => join(KEEPALIVE, KEEPALIVE),
    expect: 'kept',
  }),
  inEstablished({
    rfc: 'RFC 4271 §6.4',
    says: 'an error in a NOTIFICATION is not answered with a NOTIFICATION; the session ends',
    bytes: () => raw(3, hex('ff ff 01')),
    expect: 'closed',
  }),
  inEstablished({
    rfc: 'RFC 4271 §4.5',
    says: 'a NOTIFICATION ends the session and is not answered',
    bytes: () => raw(3, hex('06 04')),
    expect: 'closed',
  }),
];
