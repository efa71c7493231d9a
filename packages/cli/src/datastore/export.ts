import { counted } from '../output/counted.ts';
import { type AnyObject, apiVersionOf } from '@muslin/kube';
import type { Context } from '../context.ts';
import { DEFINED_KINDS } from '../files/definitions.ts';
import { connect } from '../live/connect.ts';
import { faultText } from '../live/fault-text.ts';
import { bareObject } from '../live/show-objects.ts';
import { yamlText } from '../output/data.ts';
import type { ExitCode, Input } from '../verb.ts';

/** What nodes and controllers say of what they found is worth nothing elsewhere. */
const REPORTS = /^(.*NodeStatus|PolicyStatus|BGPQuestion)$/;

/** `datastore migrate export`: every object that people wrote, and the ledger of addresses. */
export async function exportObjects(ctx: Context, input: Input): Promise<ExitCode> {
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    let count = 0;
    for (const resource of DEFINED_KINDS.filter(({ kind }) => !REPORTS.test(kind))) {
      const found = await client.value.listAll<AnyObject>(resource);
      if (!found.ok && found.fault.code === 'NotFound') continue;
      if (!found.ok) return ctx.fail(1, faultText(found.fault));
      for (const item of found.value.items) {
        const object = { ...item, apiVersion: apiVersionOf(resource), kind: resource.kind };
        ctx.stdout(`---\n${await yamlText(bareObject(object))}`);
        count++;
      }
    }
    ctx.stderr(`${counted(count, 'object')}\n`);
    return 0;
  } finally {
    await client.value.close();
  }
}
