import { fail, ok } from '@muslin/net';
import { expect, it } from 'vitest';
import { CNI_CODE } from '../src/cni/cni-fault.ts';
import { type CniRequest, readCniRequest } from '../src/cni/cni-request.ts';
import { counted, outcomeOf } from '../src/cni/refusals.ts';

const request = (command: string): CniRequest => {
  const env = {
    ...{ CNI_COMMAND: command, CNI_CONTAINERID: 'c', CNI_NETNS: '/n', CNI_IFNAME: 'eth0', CNI_PATH: '/p' },
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u1',
  };
  const read = readCniRequest(new Map(Object.entries(env)), '{"cniVersion":"1.1.0","name":"n"}');
  if (!read.ok) throw new Error(read.fault.message);
  return read.value;
};

it('requests are counted by what they came to, and a pod is told why it gets no network', async () => {
  const counts: string[] = [];
  const told: unknown[] = [];
  const outcomes = [undefined, CNI_CODE.noAddress, CNI_CODE.tryAgain, 123];
  const serve = counted(
    () => {
      const code = outcomes.shift();
      return Promise.resolve(code === undefined ? ok({}) : fail({ code, message: `for ${code}` }));
    },
    { inc: ({ command, outcome }) => counts.push(`${command} ${outcome}`) },
    note => told.push(note),
  );
  for (const command of ['ADD', 'ADD', 'ADD', 'DEL']) await serve(request(command));
  expect(counts).toEqual(['ADD ok', 'ADD noAddress', 'ADD tryAgain', 'DEL other']);
  expect(told).toEqual([
    {
      about: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u1' },
      ...{ type: 'Warning', reason: 'NetworkRefused', message: 'for 100' },
    },
  ]);
});

it('reasons are few, whatever a plugin answers', () => {
  const names = Array.from({ length: 2_000 }, (_, code) => outcomeOf(code));
  expect(new Set(names).size).toBe(Object.keys(CNI_CODE).length + 1);
});
