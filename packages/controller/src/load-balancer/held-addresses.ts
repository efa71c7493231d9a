import { createHash } from 'node:crypto';
import {
  addressesOf,
  blockFromSpec,
  blockName,
  HANDLE_ANNOTATIONS,
  handleFromSpec,
  handleName,
  type Sequence,
} from '@muslin/ipam';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, type Ip, ok, parsePrefix, type Prefix, type Result } from '@muslin/net';

/** One life of a Service: names come back, UIDs do not. */
export interface ServiceLife {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Handle of the addresses of a Service. */
export function serviceHandleId({ namespace, name, uid }: ServiceLife): string {
  return `lb-${createHash('sha256').update(`${namespace}/${name}/${uid}`).digest('hex').slice(0, 32)}`;
}

/** An address that a handle has. */
export interface HeldAddress {
  readonly ip: Ip;
  readonly block: Prefix;
  readonly sequence: Sequence | undefined;
}

/** What a handle has, by the blocks, which decide. */
export async function heldAddresses(
  client: KubeClient,
  handleId: string,
): Promise<Result<readonly HeldAddress[], string>> {
  const object = await client.get<AnyObject>(RESOURCES.IPAMHandle, { name: handleName(handleId) });
  if (!object.ok) return object.fault.code === 'NotFound' ? ok([]) : fail(object.fault.message);
  const handle = handleFromSpec(object.value['spec']);
  if (!handle.ok) return fail(`IPAMHandle ${handleName(handleId)}: ${handle.fault.message}`);
  const held: HeldAddress[] = [];
  for (const text of handle.value.blocks.keys()) {
    const cidr = parsePrefix(text);
    if (!cidr.ok) continue;
    const stored = await client.get<AnyObject>(RESOURCES.IPAMBlock, { name: blockName(cidr.value) });
    if (!stored.ok && stored.fault.code === 'NotFound') continue;
    if (!stored.ok) return fail(stored.fault.message);
    const block = blockFromSpec(stored.value['spec']);
    if (!block.ok) return fail(`IPAMBlock ${blockName(cidr.value)}: ${block.fault.message}`);
    for (const { ip, attribute, sequence } of addressesOf(block.value))
      if (attribute.handleId === handleId) held.push({ ip, block: cidr.value, sequence });
  }
  return ok(held);
}

/** The lives of Services that some handle names, living or not. */
export async function servicesWithHandles(
  client: KubeClient,
): Promise<Result<readonly ServiceLife[], string>> {
  const list = await client.listAll<AnyObject>(RESOURCES.IPAMHandle);
  if (!list.ok) return fail(list.fault.message);
  return ok(
    list.value.items.flatMap(({ metadata: { annotations = {} } }) => {
      const [type, namespace, name] = (annotations[HANDLE_ANNOTATIONS.owner] ?? '').split('/');
      const uid = annotations[HANDLE_ANNOTATIONS.uid];
      return type === 'service' && namespace && name && uid ? [{ namespace, name, uid }] : [];
    }),
  );
}
