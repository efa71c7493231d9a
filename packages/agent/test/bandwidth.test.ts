import { describe, expect, test } from 'vitest';
import { bucketOf } from '../src/pod/bandwidth.ts';
import { packetLimitsFor } from '../src/pod/packet-limits.ts';
import { bandwidthFor, unenforcedLimits } from '../src/pod/bandwidth-wishes.ts';

const NOTHING = { mac: undefined, ips: [], ports: [], ingress: undefined, egress: undefined };
const pod = (annotations: Readonly<Record<string, string>>) => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', annotations } },
});

describe('the bandwidth of a pod', () => {
  test.each([
    ['10M', 10_000_000],
    ['1.5G', 1_500_000_000],
    ['4Ki', 4096],
    ['1000', 1000],
  ])('%s is %i bits a second', (text, bitsPerSecond) => {
    const rate = { bitsPerSecond, burstBits: undefined };
    expect(bandwidthFor(pod({ 'qos.projectcalico.org/ingressBandwidth': text }), NOTHING)).toEqual({
      ok: true,
      value: { ingress: rate, egress: undefined },
    });
  });

  test.each(['', '0', '-1M', '10Mbit', '1e3', 'M', '9999999999T'])('%j is refused, and named', text => {
    expect(bandwidthFor(pod({ 'kubernetes.io/egress-bandwidth': text }), NOTHING)).toMatchObject({
      ok: false,
      fault: {
        code: 7,
        message: expect.stringMatching(/^annotation kubernetes\.io\/egress-bandwidth must be/),
      },
    });
  });

  test('is the runtime’s word before Calico’s annotation, and that before Kubernetes’', () => {
    const both = { 'qos.projectcalico.org/egressBandwidth': '2M', 'kubernetes.io/egress-bandwidth': '3M' };
    const asked = (egress: typeof NOTHING.egress | { bitsPerSecond: number; burstBits: undefined }) => {
      const read = bandwidthFor(pod(both), { ...NOTHING, egress });
      return read.ok ? read.value.egress?.bitsPerSecond : read.fault;
    };
    expect(asked({ bitsPerSecond: 1, burstBits: undefined })).toBe(1);
    expect(asked(undefined)).toBe(2_000_000);
  });

  test('has a burst that takes the largest packet, and room for 25 ms more', () => {
    expect(bucketOf({ bitsPerSecond: 8_000_000, burstBits: 800_000 })).toEqual({
      ...{ bytesPerSecond: 1_000_000, burst: 100_000, limit: 125_000 },
    });
    expect(bucketOf({ bitsPerSecond: 800, burstBits: 8 })).toEqual({
      ...{ bytesPerSecond: 100, burst: 65_536, limit: 65_539 },
    });
    expect(bucketOf({ bitsPerSecond: 8e9, burstBits: undefined }).burst).toBe(1e8);
  });

  test('limits that nobody enforces are named', () => {
    const asked = {
      'qos.projectcalico.org/ingressPeakrate': '1k',
      'qos.projectcalico.org/egressBandwidth': '1M',
    };
    expect(unenforcedLimits(pod(asked))).toEqual(['qos.projectcalico.org/ingressPeakrate']);
  });
});

describe('limits of packets and connections', () => {
  test('are Calico’s annotations, in whole numbers', () => {
    const asked = {
      ...{
        'qos.projectcalico.org/ingressPacketRate': '1k',
        'qos.projectcalico.org/ingressPacketBurst': '20',
      },
      'qos.projectcalico.org/egressMaxConnections': '3',
    };
    expect(packetLimitsFor(pod(asked))).toEqual({
      ok: true,
      value: { ingress: { packetsPerSecond: 1000, packetBurst: 20 }, egress: { maxConnections: 3 } },
    });
    expect(packetLimitsFor(pod({}))).toEqual({ ok: true, value: {} });
  });

  test.each(['0', '-1', 'many', '1.5.2', '5G'])('%s is none', text => {
    expect(packetLimitsFor(pod({ 'qos.projectcalico.org/egressPacketRate': text }))).toMatchObject({
      ok: false,
      fault: { code: 7, message: expect.stringContaining('egressPacketRate must be a whole number above 0') },
    });
  });
});
