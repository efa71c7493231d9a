import { type AnyObject, RESOURCES } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { recordAt } from '../files/json.ts';
import { connect } from '../live/connect.ts';
import { faultText } from '../live/fault-text.ts';
import { FIELD_MANAGER } from '../live/write-actions.ts';
import type { ExitCode, Input } from '../verb.ts';

/** One setting: its option, its field, and what it may be (projectcalico.org/v3 IPAMConfiguration). */
interface Setting {
  readonly option: string;
  readonly flag: string;
  readonly field: string;
  readonly title: string;
  /** The largest number, or the words to choose of. */
  readonly most: number | readonly string[];
  /** What to know about it. */
  readonly note?: string;
}

const TRUTHS = ['true', 'false'] as const;

const SETTINGS: readonly Setting[] = [
  {
    ...{ option: 'strictaffinity', flag: '--strictaffinity', field: 'strictAffinity' },
    ...{ title: 'StrictAffinity', most: TRUTHS },
  },
  {
    ...{ option: 'maxBlocksPerHost', flag: '--max-blocks-per-host', field: 'maxBlocksPerHost' },
    ...{ title: 'MaxBlocksPerHost', most: 1_000_000 },
  },
  {
    ...{ option: 'ipCooldownSeconds', flag: '--ip-cooldown-seconds', field: 'ipCooldownSeconds' },
    ...{ title: 'IPCooldownSeconds', most: 1_200 },
  },
  {
    ...{
      option: 'kubevirtIpPersistence',
      flag: '--kubevirt-ip-persistence',
      field: 'kubeVirtVMAddressPersistence',
    },
    ...{ title: 'KubeVirtVMAddressPersistence', most: ['Enabled', 'Disabled'] },
    note: 'Muslin keeps this setting and does not act on it: a virtual machine gets another address with another pod',
  },
];

/** `muslinctl ipam configure`: changes the IPAMConfiguration `default`, and makes it where there is none. */
export async function configureIpam(ctx: Context, input: Input): Promise<ExitCode> {
  const change: Record<string, unknown> = {};
  const lines: string[] = [];
  const notes: string[] = [];
  for (const setting of SETTINGS) {
    const text = input.text(setting.option);
    if (text === undefined) continue;
    const value = readValue(setting, text);
    if (!value.ok) return ctx.fail(2, value.fault);
    change[setting.field] = value.value;
    lines.push(`Successfully set ${setting.title} to: ${value.value}`);
    if (setting.note !== undefined) notes.push(`warning: ${setting.note}\n`);
  }
  if (lines.length === 0)
    return ctx.fail(2, `nothing to set: give ${SETTINGS.map(({ flag }) => flag).join(', ')}`);
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const resource = RESOURCES.IPAMConfiguration;
    const name = { name: 'default' };
    const found = await client.value.get<AnyObject>(resource, name);
    if (!found.ok && found.fault.code !== 'NotFound') return ctx.fail(1, faultText(found.fault));
    const spec = { ...(found.ok && recordAt(found.value, 'spec')), ...change };
    // Nobody could get any address: no new blocks, and nothing borrowed either.
    if (spec['strictAffinity'] !== true && spec['autoAllocateBlocks'] === false)
      return ctx.fail(
        1,
        'IPAMConfiguration default: spec.strictAffinity must be true while spec.autoAllocateBlocks is false',
      );
    const options = { fieldManager: FIELD_MANAGER };
    const done = found.ok
      ? await client.value.patch(resource, name, { type: 'merge', body: { spec: change } }, options)
      : await client.value.create(
          resource,
          {
            metadata: name,
            spec: { strictAffinity: false, autoAllocateBlocks: true, ...change },
          } as AnyObject,
          options,
        );
    if (!done.ok) return ctx.fail(1, `IPAMConfiguration default: ${faultText(done.fault)}`);
    ctx.stdout(`${lines.join('\n')}\n`);
    for (const note of notes) ctx.stderr(note);
    return 0;
  } finally {
    await client.value.close();
  }
}

/** Words in any case, as calicoctl reads them. */
function readValue({ flag, most }: Setting, text: string): Result<boolean | number | string, string> {
  if (typeof most === 'object') {
    const word = most.find(each => each.toLowerCase() === text.toLowerCase());
    if (word === undefined) return fail(`${flag} ${text}: choose ${most.join(' or ')}`);
    return ok(most === TRUTHS ? word === 'true' : word);
  }
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value <= most ? ok(value) : fail(`${flag} ${text}: choose a whole number from 0 to ${most}`);
}
