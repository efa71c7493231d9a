import { fail, type Result } from '@muslin/net';
import type { AddressBook } from '../address-book.ts';
import type { CniFault } from '../cni/cni-fault.ts';
import type { CniRequest } from '../cni/cni-request.ts';
import { delegationOf } from '../ipam/delegation.ts';

/**
 * Asks a delegated IPAM plugin the same as was asked here (CNI 1.1 §Delegated plugins), after us. GC goes on after our own
 * fault, which is told first.
 */
export async function alsoDelegated(
  request: CniRequest & { readonly command: 'CHECK' | 'GC' | 'STATUS' },
  ours: Result<undefined, CniFault>,
  addresses: AddressBook,
): Promise<Result<undefined, CniFault>> {
  const { command } = request;
  const delegation = delegationOf(request);
  if (delegation === undefined || (!ours.ok && command !== 'GC')) return ours;
  const fault = await addresses.ask(command, delegation);
  return ours.ok && fault !== undefined ? fail(fault) : ours;
}
