import { type AnyObject, type ListWatch, RESOURCES } from '@muslin/kube';
import { fail, ok } from '@muslin/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readPassword } from '../src/core/read-password.ts';
import { Passwords } from '../src/passwords.ts';

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');
const secret = (data: object): AnyObject => ({ metadata: { name: 's', namespace: 'kube-system' }, data });

describe('a password', () => {
  test.each([
    ['plain', 'plain'],
    ['with a newline of the editor\n', 'with a newline of the editor'],
    ['pa$$ wörd', 'pa$$ wörd'],
  ])('%j is read as %j', (written, read) => {
    expect(readPassword(secret({ k: base64(written) }), 'kube-system/s', 'k')).toEqual(ok(read));
  });

  test.each([
    [undefined, 'Secret kube-system/s does not exist'],
    [secret({}), 'Secret kube-system/s has no key k'],
    [{ metadata: {}, data: null }, 'Secret kube-system/s has no key k'],
    [secret({ k: '' }), 'key k of Secret kube-system/s is empty'],
    [
      secret({ k: base64('x'.repeat(81)) }),
      'key k of Secret kube-system/s is longer than the 80 bytes that TCP-MD5 takes',
    ],
    [secret({ k: base64(Uint8Array.of(0xff, 0xfe)) }), 'key k of Secret kube-system/s is no UTF-8 text'],
    [secret({ k: '***' }), 'key k of Secret kube-system/s is no UTF-8 text'],
  ])('that can not be used is told in words that never hold it (%#)', (object, words) => {
    expect(readPassword(object, 'kube-system/s', 'k')).toEqual(fail(words));
  });
});

describe('passwords', () => {
  const asked: string[] = [];
  let items: AnyObject[];
  let refusal: string | undefined;
  let changes: number;
  let passwords: Passwords;

  beforeEach(() => {
    asked.length = 0;
    items = [secret({ k: base64('one') })];
    refusal = undefined;
    changes = 0;
    const client: ListWatch = {
      list: (async (resource: { kind: string }, query: { namespace?: string; fieldSelector?: string }) => {
        asked.push(`${resource.kind} ${query.namespace} ${query.fieldSelector}`);
        return refusal === undefined
          ? ok({ items, resourceVersion: '1', next: undefined, remaining: undefined })
          : fail({ code: 'Forbidden', message: refusal });
      }) as unknown as ListWatch['list'],
      watch: (async (_: unknown, __: unknown, { signal }: { signal: AbortSignal }) => {
        await new Promise<void>(resolve => {
          signal.addEventListener('abort', () => resolve());
        });
        return fail({ code: 'Aborted', message: 'over' });
      }) as unknown as ListWatch['watch'],
    };
    passwords = new Passwords({ client, namespace: 'kube-system', onChange: () => changes++ });
  });
  afterEach(() => passwords.stop());

  test('come from just the Secrets that are named, in one namespace', async () => {
    passwords.want(new Map([['s', ['k', 'other']]]));
    await passwords.settled(1000);
    expect(RESOURCES.Secret.kind).toBe('Secret');
    expect(asked).toEqual(['Secret kube-system metadata.name=s']);
    expect(passwords.get('s/k')?.reveal()).toBe('one');
    expect([...passwords.states()]).toEqual([
      ['s/k', { state: 'known' }],
      ['s/other', { state: 'missing', message: 'Secret kube-system/s has no key other' }],
    ]);
    expect(changes).toBeGreaterThan(0);
  });

  test('never show in text', async () => {
    passwords.want(new Map([['s', ['k']]]));
    await passwords.settled(1000);
    expect(`${passwords.get('s/k')} ${JSON.stringify({ all: passwords.get('s/k') })}`).not.toContain('one');
  });

  test('that may not be read are missing, and it says whose permission lacks', async () => {
    refusal = 'secrets "s" is forbidden';
    passwords.want(new Map([['s', ['k']]]));
    await passwords.settled(1000);
    const state = passwords.states().get('s/k');
    expect(state).toMatchObject({ state: 'missing' });
    expect(JSON.stringify(state)).toContain('service account');
    expect(changes).toBe(1);
  });

  test('that do not exist are missing; those not looked for yet are unknown', async () => {
    items = [];
    passwords.want(new Map([['s', ['k']]]));
    expect(passwords.states().size).toBe(0);
    await passwords.settled(1000);
    expect(passwords.states().get('s/k')).toMatchObject({ state: 'missing' });
  });

  test('that nobody wants any more are forgotten', async () => {
    passwords.want(new Map([['s', ['k']]]));
    await passwords.settled(1000);
    passwords.want(new Map());
    expect(passwords.get('s/k')).toBeUndefined();
    expect(passwords.states().size).toBe(0);
  });
});
