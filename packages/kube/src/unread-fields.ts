import type { KubeObject } from './kube-object.ts';

type Fields = { [name: string]: unknown };

/** What nothing of ours reads of an object is not kept: of large clusters it is most of the memory. Changes the object. */
export type Trim = (object: KubeObject) => void;

/** Of a Pod: who it is, where it runs, its addresses and ports. */
export const trimPod: Trim = object => {
  const { spec, status } = object as unknown as Record<'spec' | 'status', Fields | undefined>;
  if (isFields(spec)) {
    for (const list of ['containers', 'initContainers']) if (list in spec) spec[list] = portsOf(spec[list]);
    keep(spec, [
      'nodeName',
      'serviceAccountName',
      'serviceAccount',
      'hostNetwork',
      'containers',
      'initContainers',
    ]);
  }
  if (isFields(status)) keep(status, ['phase', 'podIP', 'podIPs', 'hostIP', 'hostIPs']);
};

/** Of a Node: all but its images and volumes. */
export const trimNode: Trim = object => {
  const { status } = object as unknown as { readonly status?: Fields };
  if (!isFields(status)) return;
  for (const field of ['images', 'volumesInUse', 'volumesAttached']) delete status[field];
};

/** What is not as it should be stays: reading it says what is wrong. */
function portsOf(containers: unknown): unknown {
  if (!Array.isArray(containers)) return containers;
  return containers.map(container =>
    isFields(container)
      ? { name: container['name'], ...('ports' in container && { ports: container['ports'] }) }
      : container,
  );
}

function keep(fields: Fields, names: readonly string[]): void {
  for (const name of Object.keys(fields)) if (!names.includes(name)) delete fields[name];
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
