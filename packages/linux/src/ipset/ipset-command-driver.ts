import { isOwnSet, parseIpsetSave } from '@muslin/dataplane';
import { fail, ok } from '@muslin/net';
import { runCommand } from '../command.ts';
import { driverFault } from '../driver-fault.ts';
import type { Namespace } from '../netns/namespace.ts';
import type { IpsetDriver } from './ipset-driver.ts';

/** The driver for machines where netlink can't be used: one `ipset` process for each read and each step. */
export function commandIpsetDriver(namespace?: Namespace): IpsetDriver {
  return {
    async read() {
      const saved = await runCommand('ipset', ['save'], { namespace });
      if (!saved.ok) return fail(driverFault(saved.fault));
      return ok(new Map([...parseIpsetSave(saved.value)].filter(([name]) => isOwnSet(name))));
    },
    async apply(ops) {
      for (const op of ops) {
        const restored = await runCommand('ipset', ['restore', '-exist'], { input: op.input, namespace });
        if (!restored.ok) return fail(driverFault(restored.fault, op));
      }
      return ok(undefined);
    },
    close: () => {},
  };
}
