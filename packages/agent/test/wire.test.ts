import { ok } from '@muslin/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerTo } from '../src/cni/cni-server.ts';
import { readWireRequest, writeWireAnswer, writeWireFault } from '../src/cni/wire.ts';

const name = fc.stringMatching(/^[A-Z_]{1,12}$/);
const value = fc.string({ unit: 'grapheme' }).map(text => text.replaceAll('\0', ''));
const request = (env: readonly (readonly [string, string])[], input: string) =>
  Buffer.from(`MSLCNI1\0${env.map(([n, v]) => `${n}=${v}\0`).join('')}\0${input}`);

test('what the executable writes is read as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), fc.string({ unit: 'grapheme' }), (env, input) => {
      const read = readWireRequest(request(env, input));
      expect(read).toEqual({ env: new Map(env), input });
    }),
  );
});

test('no bytes make the reader throw, and a request cut short is none', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.boolean(), (bytes, magic) => {
      readWireRequest(Buffer.concat([Buffer.from(magic ? 'MSLCNI1\0' : ''), bytes]));
    }),
  );
  const whole = request([['CNI_COMMAND', 'ADD']], '');
  for (let length = 0; length < whole.length; length++)
    expect(readWireRequest(whole.subarray(0, length))).toBeUndefined();
  expect(readWireRequest(Buffer.from('MSLCNI1\0=x\0\0'))).toBeUndefined();
  expect(readWireRequest(Buffer.from('MSLCNI1\0x\0\0'))).toBeUndefined();
});

test('an answer says how many bytes follow, not how many letters', () => {
  expect(writeWireAnswer(0, 'ä').toString()).toBe('0 2\nä');
  expect(writeWireFault({ code: 7, message: 'm' }, '0.4.0').toString()).toBe(
    '1 55\n{"cniVersion":"0.4.0","code":7,"msg":"m","details":""}\n',
  );
});

test('no bytes make the server throw: each gets a CNI error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), fc.boolean(), async (bytes, magic) => {
      const all = Buffer.concat([Buffer.from(magic ? 'MSLCNI1\0CNI_COMMAND=DEL\0\0' : ''), bytes]);
      const answer = (
        await answerTo(
          all,
          async () => ok(undefined),
          () => {},
        )
      ).toString();
      const [head, body = ''] = answer.split('\n');
      expect(head).toMatch(/^1 \d+$/);
      expect(JSON.parse(body)).toMatchObject({ code: expect.any(Number), msg: expect.any(String) });
    }),
  );
});

test('no value of a configuration makes the server throw, whatever stands where a text or a number belongs', async () => {
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom({ toString: 1 }, { valueOf: null }, [{ toString: 'x' }], JSON.parse('{"__proto__":7}')),
  );
  const fields = (...names: readonly string[]) =>
    fc.dictionary(fc.constantFrom(...names), odd, { maxKeys: names.length });
  const mapping = fields('hostPort', 'containerPort', 'protocol', 'hostIP');
  const runtime = fc.record(
    {
      ...{ mac: odd, ips: fc.oneof(odd, fc.array(odd)), portMappings: fc.oneof(odd, fc.array(mapping)) },
      bandwidth: fc.oneof(odd, fields('ingressRate', 'ingressBurst', 'egressRate', 'egressBurst')),
    },
    { requiredKeys: [] },
  );
  const ipam = fields('type', 'assign_ipv4', 'assign_ipv6', 'ipv4_pools', 'ipv6_pools', 'ranges');
  const rest = fields('mtu', 'dns', 'prevResult', 'args', 'include_default_routes', 'container_settings');
  const config = fc.tuple(runtime, ipam, rest).map(([runtimeConfig, ipamConfig, others]) => ({
    ...{ ...others, cniVersion: '1.1.0', name: 'n', runtimeConfig, ipam: ipamConfig },
  }));
  const env = { CNI_CONTAINERID: 'a', CNI_IFNAME: 'eth0', CNI_PATH: '/', CNI_NETNS: '/x' };
  const asked = fc.constantFrom('ADD', 'DEL', 'CHECK', 'GC', 'STATUS');
  await fc.assert(
    fc.asyncProperty(asked, config, async (command, conf) => {
      const lines: string[] = [];
      const bytes = request(Object.entries({ CNI_COMMAND: command, ...env }), JSON.stringify(conf));
      const answer = await answerTo(
        bytes,
        async () => ok(undefined),
        line => lines.push(line),
      );
      expect(lines).toEqual([]);
      expect(answer.toString()).toMatch(/^0 0\n$|^1 \d+\n\{"cniVersion":"1.1.0","code":[67],/);
    }),
  );
});

test('a configuration that is nested as deep as a request may be is answered all the same', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  for (const field of ['"runtimeConfig":{"ips":', '"runtimeConfig":{"mac":', '"dns":{"x":']) {
    const bytes = request(
      [
        ['CNI_COMMAND', 'ADD'],
        ...['CONTAINERID', 'IFNAME', 'NETNS', 'PATH'].map(n => [`CNI_${n}`, 'a'] as const),
      ],
      `{"cniVersion":"1.1.0","name":"n",${field}${deep}}}`,
    );
    const answer = await answerTo(
      bytes,
      async ({ config }) => ok({ dns: config.dns }),
      () => {},
    );
    expect(answer.toString().slice(0, 60)).toMatch(
      /^(0 \d+\n\{"dns":|1 \d+\n\{"cniVersion":"1.1.0","code":(7|999),)/,
    );
  }
});

const add = request(
  [...Object.entries({ CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'a', CNI_IFNAME: 'eth0', CNI_PATH: '/' })],
  '{"cniVersion":"0.4.0","name":"n","token":"s3cret"}',
);

test('a bug of the handler is told to the log, and to the runtime as code 999 without details', async () => {
  const lines: string[] = [];
  const broken = async () => {
    throw new Error('boom');
  };
  const answer = await answerTo(add, broken, line => lines.push(line));
  expect(answer.toString()).toContain('"cniVersion":"0.4.0","code":999,"msg":"internal error');
  expect(lines.join()).toContain('boom');
  expect(lines.join()).not.toContain('s3cret');
});

test('a disk that can’t be written is no bug: code 5 and its words', async () => {
  const full = async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { syscall: 'write' });
  };
  expect((await answerTo(add, full, () => {})).toString()).toContain('"code":5');
});

test('an answer without a value prints nothing', async () => {
  expect(
    (
      await answerTo(
        add,
        async () => ok(undefined),
        () => {},
      )
    ).toString(),
  ).toBe('0 0\n');
  expect(
    (
      await answerTo(
        add,
        async () => ok({ a: 1 }),
        () => {},
      )
    ).toString(),
  ).toBe('0 8\n{"a":1}\n');
});
