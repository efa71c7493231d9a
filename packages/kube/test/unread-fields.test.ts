import { describe, expect, it } from 'vitest';
import { trimNode, trimPod } from '../src/unread-fields.ts';

const metadata = { name: 'web', namespace: 'shop', labels: { app: 'web' }, annotations: { a: 'b' } };
const trimmed = (trim: typeof trimPod, object: object) => {
  const copy = structuredClone({ metadata, ...object });
  trim(copy);
  return copy;
};

describe('what is not kept', () => {
  it('of a Pod is all but who it is, where it runs, its addresses and ports', () => {
    const kept = {
      spec: {
        nodeName: 'n1',
        serviceAccountName: 'web',
        hostNetwork: false,
        containers: [{ name: 'main', ports: [{ name: 'http', containerPort: 80 }] }, { name: 'side' }],
      },
      status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], hostIP: '192.0.2.1' },
    };
    const [main, side] = kept.spec.containers;
    const whole = {
      spec: {
        ...kept.spec,
        volumes: [{ name: 'v' }],
        tolerations: [],
        containers: [
          { ...main, image: 'i', env: [{ name: 'A' }] },
          { ...side, args: ['x'] },
        ],
      },
      status: { ...kept.status, conditions: [{ type: 'Ready' }], containerStatuses: [{ restartCount: 3 }] },
    };
    expect(trimmed(trimPod, whole)).toEqual({ metadata, ...kept });
  });

  it('of a Node is its images and volumes', () => {
    const status = { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }], conditions: [] };
    expect(trimmed(trimNode, { status: { ...status, images: [{}], volumesInUse: ['v'] } })).toEqual({
      ...{ metadata, status },
    });
  });

  it.each([
    {},
    { spec: null, status: 'no' },
    { spec: { containers: 'none' } },
    { spec: { containers: [null, 3] }, status: [] },
  ])('of what is not as it should be stays as it is: %j', object => {
    expect(trimmed(trimPod, object)).toEqual({ metadata, ...object });
    expect(trimmed(trimNode, object)).toEqual({ metadata, ...object });
  });
});
