import { isOwnSet, parseIpsetSave } from '@muslin/dataplane';
import { fail, ok } from '@muslin/net';
import { runCommand } from '../command.ts';
import { driverFault } from '../driver-fault.ts';
import type { Namespace } from '../netns/namespace.ts';
import { BUSY_MS, type IpsetDriver } from './ipset-driver.ts';

/** What ipset(8) says of a set that a rule still holds. */
const IN_USE = /in use by a kernel component/;

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
        const restore = () => runCommand('ipset', ['restore', '-exist'], { input: op.input, namespace });
        let restored = await restore();
        for (
          let wait = 5;
          !restored.ok && IN_USE.test(restored.fault.message) && wait <= BUSY_MS;
          wait *= 2
        ) {
          await new Promise(resolve => setTimeout(resolve, wait));
          restored = await restore();
        }
        if (!restored.ok) return fail(driverFault(restored.fault, op));
      }
      return ok(undefined);
    },
    close: () => {},
  };
}
