import { readdirSync } from 'node:fs';
import { type AnyObject, RESOURCES, type Resource } from '@muslin/kube';
import { expect } from 'vitest';
import { must, until } from './spaces.ts';
import type { Stand, StandPod } from './stand.ts';

/** What pods leave on a node and in IPAM, and ways to be rid of it. */
export function traces(stand: () => Stand) {
  let held: readonly string[] = [];
  const handleOf = (pod: StandPod) => held.find(handle => handle.includes(pod.containerId));
  /** Waits until IPAM holds addresses for exactly these pods. */
  async function heldBy(pods: readonly StandPod[]): Promise<void> {
    await until(
      async () => (held = [...(await stand().held()).keys()].filter(handle => handle.includes('box'))),
      handles => handles.length === pods.length && pods.every(pod => handleOf(pod) !== undefined),
      `addresses held by ${pods.map(pod => pod.containerId)} alone`,
      20_000,
    );
  }
  return {
    /** Without the lines that tell the time, and counters. */
    rules: () =>
      stand()
        .node.run('iptables-save')
        .replace(/^#.*$|\[\d+:\d+\]/gm, ''),
    heldBy,
    async removed(...pods: readonly StandPod[]): Promise<void> {
      for (const answer of await Promise.all(pods.map(pod => stand().cni('DEL', pod))))
        expect(answer).toMatchObject({ code: 0, out: '' });
    },
    /** What an unlucky hand, or a definition that is deleted, does to the ledger. */
    async deleteAll(...resources: readonly Resource[]): Promise<void> {
      for (const resource of resources)
        for (const { metadata } of must(await stand().client.listAll<AnyObject>(resource)).items)
          must(await stand().client.delete(resource, { name: metadata.name ?? '' }));
    },
    /** As the kubelet does once nothing of the pod is left. */
    async end(name: string): Promise<void> {
      must(
        await stand().client.delete(RESOURCES.Pod, { namespace: 'shop', name }, { gracePeriodSeconds: 0 }),
      );
    },
    /** Nothing of any pod is on the node or in IPAM. */
    async nothingLeft(): Promise<void> {
      await heldBy([]);
      await until(
        () => readdirSync(`${stand().folder}/state/releases`),
        promises => promises.length === 0,
        'every promised release is done',
      );
      expect(stand().cables()).toEqual([]);
      expect(stand().routes()).toEqual([]);
      await until(
        () => readdirSync(`${stand().folder}/state/sandboxes`),
        files => files.length === 0,
        'no sandbox is left',
      );
    },
  };
}

/** What the executable printed. */
export const parsed = (answer: { readonly out: string }) => JSON.parse(answer.out);
