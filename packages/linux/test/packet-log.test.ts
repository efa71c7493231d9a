import { ipToBytes, mustIp } from '@muslin/net';
import { expect, test } from 'vitest';
import { readMessages } from '../src/netlink/message-reader.ts';
import { NetlinkWriter } from '../src/netlink/message-writer.ts';
import { decodePacket } from '../src/nflog/packet-log.ts';

const NESTED = 0x8000;

test('a packet with what connection tracking knows of it tells where it was sent before translation', () => {
  const writer = new NetlinkWriter();
  writer
    .begin(4 << 8, 0, 0)
    .u16(0)
    .be16(7);
  writer.attribute(1, w => w.be16(0x0800).u8(2).u8(0));
  writer.attribute(10, w => w.bytes(new TextEncoder().encode('D i x\0')));
  // NFULA_CT { CTA_TUPLE_ORIG { CTA_TUPLE_IP, CTA_TUPLE_PROTO } }, as ctnetlink_glue_build makes it.
  writer.attribute(18 | NESTED, ct =>
    ct.attribute(1 | NESTED, tuple => {
      tuple.attribute(1 | NESTED, ip => {
        ip.attribute(1, w => w.bytes(ipToBytes(mustIp('10.0.0.5'))));
        ip.attribute(2, w => w.bytes(ipToBytes(mustIp('10.96.0.1'))));
      });
      tuple.attribute(2 | NESTED, proto => {
        proto.attribute(1, w => w.u8(6));
        proto.attribute(2, w => w.be16(40_000));
        proto.attribute(3, w => w.be16(80));
      });
    }),
  );
  writer.end();
  const [packet] = [...readMessages(writer.view())].map(decodePacket);
  expect(packet).toMatchObject({
    prefix: 'D i x',
    hook: 2,
    original: {
      ...{ source: mustIp('10.0.0.5'), destination: mustIp('10.96.0.1'), protocol: 6 },
      ...{ sourcePort: 40_000, destinationPort: 80 },
    },
  });
});
