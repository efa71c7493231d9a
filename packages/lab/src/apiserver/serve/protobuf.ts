import { ByteReader } from '@muslin/net';
import type { Json, JsonObject } from '../json.ts';

/** Wire types (Protocol Buffers, Encoding). */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

type Field = readonly [name: string, type: Type, repeated?: 'list'];
type Message = Readonly<Record<number, Field>>;
type Type = 'string' | 'bytes' | 'int' | 'bool' | 'time' | 'intOrString' | 'map' | 'bytesMap' | Message;

const reference: Message = { 1: ['kind', 'string'], 2: ['namespace', 'string'], 3: ['name', 'string'] };
const ownerReference: Message = {
  1: ['kind', 'string'],
  3: ['name', 'string'],
  4: ['uid', 'string'],
  5: ['apiVersion', 'string'],
  6: ['controller', 'bool'],
  7: ['blockOwnerDeletion', 'bool'],
};
const metadata: Message = {
  1: ['name', 'string'],
  2: ['generateName', 'string'],
  3: ['namespace', 'string'],
  5: ['uid', 'string'],
  6: ['resourceVersion', 'string'],
  7: ['generation', 'int'],
  8: ['creationTimestamp', 'time'],
  9: ['deletionTimestamp', 'time'],
  10: ['deletionGracePeriodSeconds', 'int'],
  11: ['labels', 'map'],
  12: ['annotations', 'map'],
  13: ['ownerReferences', ownerReference, 'list'],
  14: ['finalizers', 'string', 'list'],
};
const servicePort: Message = {
  1: ['name', 'string'],
  2: ['protocol', 'string'],
  3: ['port', 'int'],
  4: ['targetPort', 'intOrString'],
  5: ['nodePort', 'int'],
  6: ['appProtocol', 'string'],
};
const serviceSpec: Message = {
  1: ['ports', servicePort, 'list'],
  2: ['selector', 'map'],
  3: ['clusterIP', 'string'],
  4: ['type', 'string'],
  5: ['externalIPs', 'string', 'list'],
  7: ['sessionAffinity', 'string'],
  8: ['loadBalancerIP', 'string'],
  9: ['loadBalancerSourceRanges', 'string', 'list'],
  10: ['externalName', 'string'],
  11: ['externalTrafficPolicy', 'string'],
  12: ['healthCheckNodePort', 'int'],
  13: ['publishNotReadyAddresses', 'bool'],
  17: ['ipFamilyPolicy', 'string'],
  18: ['clusterIPs', 'string', 'list'],
  19: ['ipFamilies', 'string', 'list'],
  20: ['allocateLoadBalancerNodePorts', 'bool'],
  21: ['loadBalancerClass', 'string'],
  22: ['internalTrafficPolicy', 'string'],
  23: ['trafficDistribution', 'string'],
};

const attributes: Message = {
  1: ['namespace', 'string'],
  2: ['verb', 'string'],
  3: ['group', 'string'],
  4: ['version', 'string'],
  5: ['resource', 'string'],
  6: ['subresource', 'string'],
  7: ['name', 'string'],
};

/** The messages that `kubectl create`, `expose` and `delete` send in protobuf (k8s.io/api core/v1/generated.proto). */
const MESSAGES: Readonly<Record<string, Message>> = {
  Namespace: { 1: ['metadata', metadata], 2: ['spec', { 1: ['finalizers', 'string', 'list'] }] },
  ConfigMap: {
    1: ['metadata', metadata],
    2: ['data', 'map'],
    3: ['binaryData', 'bytesMap'],
    4: ['immutable', 'bool'],
  },
  Secret: {
    1: ['metadata', metadata],
    2: ['data', 'bytesMap'],
    3: ['type', 'string'],
    4: ['stringData', 'map'],
    5: ['immutable', 'bool'],
  },
  ServiceAccount: {
    1: ['metadata', metadata],
    2: ['secrets', reference, 'list'],
    3: ['imagePullSecrets', { 1: ['name', 'string'] }, 'list'],
    4: ['automountServiceAccountToken', 'bool'],
  },
  Service: { 1: ['metadata', metadata], 2: ['spec', serviceSpec] },
  SelfSubjectReview: { 1: ['metadata', metadata] },
  SelfSubjectAccessReview: {
    1: ['metadata', metadata],
    2: ['spec', { 1: ['resourceAttributes', attributes] }],
  },
  DeleteOptions: {
    1: ['gracePeriodSeconds', 'int'],
    2: ['preconditions', { 1: ['uid', 'string'], 2: ['resourceVersion', 'string'] }],
    3: ['orphanDependents', 'bool'],
    4: ['propagationPolicy', 'string'],
    5: ['dryRun', 'string', 'list'],
  },
};

/**
 * Reads a `k8s\0` protobuf body as the JSON object that it stands for.
 * @returns undefined when it is none, or of a kind that kubectl never sends this way
 */
export function decodeProtobuf(body: Uint8Array): JsonObject | undefined {
  if (body[0] !== 0x6b || body[1] !== 0x38 || body[2] !== 0x73 || body[3] !== 0) return undefined;
  const envelope: Message = {
    1: ['type', { 1: ['apiVersion', 'string'], 2: ['kind', 'string'] }],
    2: ['raw', 'bytes'],
  };
  const { type, raw } = readMessage(body.subarray(4), envelope) as { type?: JsonObject; raw?: string };
  const message = MESSAGES[String(type?.['kind'])];
  if (message === undefined || type === undefined) return undefined;
  return { ...type, ...readMessage(Buffer.from(raw ?? '', 'base64'), message) };
}

function readMessage(bytes: Uint8Array, message: Message): JsonObject {
  const reader = new ByteReader(bytes);
  const out: Record<string, Json> = {};
  for (const [number, wire] of fieldsOf(reader)) {
    const raw =
      wire === BYTES
        ? reader.take(readVarint(reader))
        : wire === VARINT
          ? readVarint(reader)
          : skip(reader, wire);
    const field = message[number];
    if (field === undefined) continue;
    const [name, type, repeated] = field;
    const value = readValue(raw, type);
    // Go writes zero values of plain fields too; they mean "not set".
    if (value === undefined) continue;
    if (repeated === 'list') out[name] = [...((out[name] as readonly Json[] | undefined) ?? []), value];
    else if (type === 'map' || type === 'bytesMap')
      out[name] = { ...(out[name] as JsonObject | undefined), ...(value as JsonObject) };
    else out[name] = value;
  }
  return out;
}

function* fieldsOf(reader: ByteReader): Generator<readonly [number, number]> {
  while (reader.left > 0 && !reader.overrun) {
    const tag = readVarint(reader);
    yield [tag >>> 3, tag & 7];
  }
}

function skip(reader: ByteReader, wire: number): Uint8Array {
  return reader.take(wire === FIXED64 ? 8 : wire === FIXED32 ? 4 : reader.left);
}

function readVarint(reader: ByteReader): number {
  let value = 0;
  for (let factor = 1; !reader.overrun; factor *= 128) {
    const byte = reader.u8();
    value += (byte & 127) * factor;
    if (byte < 128) break;
  }
  return value;
}

const text = (raw: Uint8Array) => Buffer.from(raw).toString();
const base64 = (raw: Uint8Array) => Buffer.from(raw).toString('base64');

function readValue(raw: Uint8Array | number, type: Type): Json | undefined {
  if (typeof raw === 'number') {
    if (type === 'bool') return raw !== 0;
    return raw === 0 ? undefined : raw;
  }
  switch (type) {
    case 'string':
      return raw.length === 0 ? undefined : text(raw);
    case 'bytes':
      return base64(raw);
    case 'time': {
      const seconds = readMessage(raw, { 1: ['seconds', 'int'] })['seconds'];
      return typeof seconds === 'number' ? new Date(seconds * 1000).toISOString() : undefined;
    }
    case 'intOrString': {
      const {
        kind,
        int = 0,
        string = '',
      } = readMessage(raw, { 1: ['kind', 'int'], 2: ['int', 'int'], 3: ['string', 'string'] });
      const value = kind === 1 ? string : int;
      return value === 0 || value === '' ? undefined : value;
    }
    case 'map':
    case 'bytesMap': {
      const { key = '', value = '' } = readMessage(raw, {
        1: ['key', 'string'],
        2: ['value', type === 'map' ? 'string' : 'bytes'],
      });
      return { [String(key)]: value };
    }
    case 'int':
    case 'bool':
      return undefined;
    default: {
      const inner = readMessage(raw, type);
      return Object.keys(inner).length === 0 ? undefined : inner;
    }
  }
}
