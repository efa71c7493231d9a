import { fail, ok, type Result } from '@muslin/net';
import { CNI_CODE, type CniFault } from './cni-fault.ts';
import type { CniVersion } from './cni-request.ts';

/** The result of the plugins before us, as they said it: what we don't read travels on. */
export type PrevResult = Readonly<Record<string, unknown>>;

/** Reads a `prevResult` as CNI 1.1 asks: an object, in whichever version. */
export function readPrevResult(value: unknown): Result<PrevResult | undefined, CniFault> {
  if (value === undefined || value === null) return ok(undefined);
  if (typeof value === 'object' && !Array.isArray(value)) return ok(value as PrevResult);
  return fail({ code: CNI_CODE.decodingFailure, message: 'prevResult must be an object' });
}

/**
 * The result that goes on to the plugins after us and to the runtime: the one before, with the node's interface under
 * its new name. Versions below 0.3.0 name no interfaces.
 */
export function renamedResult(
  result: PrevResult,
  version: CniVersion,
  rename: { readonly from: string; readonly to: string },
): object {
  const interfaces = result['interfaces'];
  if (!Array.isArray(interfaces)) return { ...result, cniVersion: version };
  const named = interfaces.map((entry: unknown) => {
    const { name, sandbox } = (entry ?? {}) as { readonly name?: unknown; readonly sandbox?: unknown };
    return name === rename.from && !sandbox ? { ...(entry as object), name: rename.to } : entry;
  });
  return { ...result, cniVersion: version, interfaces: named };
}
