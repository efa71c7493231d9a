import { chmodSync, writeFileSync } from 'node:fs';
import { openKernel } from '@muslin/linux';
import { afterAll, expect, test } from 'vitest';
import { Enforcer } from '../src/kernel/enforcer.ts';
import { Kernel } from '../src/kernel/kernel.ts';
import { coreOf, here, local, NAMESPACE, object, podObject, policyObject } from './cluster-facts.ts';
import { freshFolder } from './folder.ts';
import { makeSpace, must, until } from './spaces.ts';

const node = makeSpace();
const folder = freshFolder();
const path = process.env['PATH'];
afterAll(() => {
  process.env['PATH'] = path;
  node.close();
});

test('while iptables-restore hangs, addresses of pods still come into sets; later everything does', async () => {
  for (const name of ['web', 'db']) {
    node.run('ip', 'link', 'add', `msl-${name}`, 'type', 'veth', 'peer', 'name', `p-${name}`);
    node.run('ip', 'link', 'set', `msl-${name}`, 'up');
  }
  const door = must(openKernel({ backend: 'nft', namespace: node.namespace, timeoutMs: 4_000 }));
  const pod = (name: string, ip: string) => [
    object(podObject(name, name, [ip])),
    here(local(name, name, [ip])),
  ];
  const core = coreOf([
    object(NAMESPACE),
    ...pod('web', '10.0.0.1'),
    ...pod('db', '10.0.0.2'),
    object(policyObject('guard', 'db', 'web')),
  ]);
  const kernel = new Kernel(door, [4], 'iptables-nft');
  const faults: string[] = [];
  const enforcer = new Enforcer({
    core,
    kernel,
    refreshMs: 60_000,
    onTaken: () => {},
    onRound: () => {},
    onFault: fault => faults.push(fault.message),
  });
  try {
    enforcer.start();
    await enforcer.enforce();
    expect(node.run('ipset', 'save')).toContain('10.0.0.1');
    // From now on the tool hangs; the process that was kept is gone, as after a refusal.
    await door.variants.nft[4].close();
    writeFileSync(`${folder}/iptables-nft-restore`, '#!/bin/sh\nexec sleep 60\n');
    chmodSync(`${folder}/iptables-nft-restore`, 0o755);
    process.env['PATH'] = `${folder}:${path}`;
    core.tell(object(policyObject('more', 'web', 'db')));
    const all = enforcer.enforce();
    await new Promise(resolve => setTimeout(resolve, 200));
    core.tell(object(podObject('late', 'late', ['10.0.0.9'], { app: 'web' })));
    enforcer.poke();
    await until(
      () => node.run('ipset', 'save'),
      text => text.includes('10.0.0.9'),
      'the late pod is in',
    );
    expect(node.run('iptables-nft-save')).not.toContain('more');
    await until(
      () => faults,
      list => list.some(text => text.includes('took longer than')),
      'the tool is given up',
    );
    process.env['PATH'] = path;
    await all;
    expect(node.run('iptables-nft-save')).toContain('more');
  } finally {
    process.env['PATH'] = path;
    await enforcer.stop();
    await kernel.close();
  }
}, 60_000);
