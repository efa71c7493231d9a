import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { recordAt } from '../files/json.ts';
import type { ExitCode, Input } from '../verb.ts';
import { changeObjects, named } from './change-objects.ts';
import { faultText } from './fault-text.ts';
import { FIELD_MANAGER } from './write-actions.ts';

/** A label to set, or to take away (null). */
type Wish = readonly [key: string, value: string | null];

/** `muslinctl label KIND NAME key=value... key-` */
export function labelObjects(ctx: Context, input: Input): Promise<ExitCode> {
  const [, name = '', ...texts] = input.args;
  const wishes = wishesOf(texts, input.flag('remove'));
  if (!wishes.ok) return Promise.resolve(ctx.fail(2, wishes.fault));
  const labels = Object.fromEntries(wishes.value);
  const removes = wishes.value.every(([, value]) => value === null);
  let updates = false;
  const keys = wishes.value.map(([key]) => key).join(', ');
  return changeObjects(
    ctx,
    input,
    { names: [name] },
    ([kind]) =>
      `Successfully ${removes ? 'removed' : updates ? 'updated' : 'set'} label ${keys} ${removes ? 'from' : 'on'} ${kind} ${name}`,
    async (client, { resource, object }) => {
      const now = recordAt(object, 'metadata', 'labels');
      const clash = wishes.value.find(
        ([key, value]) => value !== null && Object.hasOwn(now, key) && now[key] !== value,
      );
      if (clash !== undefined && !input.flag('overwrite'))
        return fail(
          `${resource.kind} ${name} has ${clash[0]}=${now[clash[0]]} already: add --overwrite to change it`,
        );
      const absent = wishes.value.find(([key, value]) => value === null && !Object.hasOwn(now, key));
      if (absent !== undefined) return fail(`${resource.kind} ${name} has no label ${absent[0]} to remove`);
      updates = wishes.value.some(([key]) => Object.hasOwn(now, key));
      const patch = { type: 'merge', body: { metadata: { labels } } } as const;
      const answer = await client.patch(resource, named(object), patch, { fieldManager: FIELD_MANAGER });
      return answer.ok ? answer : fail(faultText(answer.fault));
    },
  );
}

function wishesOf(texts: readonly string[], remove: boolean): Result<readonly Wish[], string> {
  const wishes: Wish[] = [];
  for (const text of texts) {
    const [key = '', ...rest] = text.split('=');
    if (remove || (rest.length === 0 && key.endsWith('-'))) wishes.push([key.replace(/-$/, ''), null]);
    else if (rest.length > 0 && key !== '') wishes.push([key, rest.join('=')]);
    else return fail(`${JSON.stringify(text)} is no label: write key=value, or key- to remove it`);
  }
  return wishes.length > 0 ? ok(wishes) : fail('name at least one label: key=value, or key- to remove it');
}
