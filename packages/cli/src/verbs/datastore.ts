import { OBJECTS } from '../options.ts';
import type { Verb } from '../verb.ts';

const lockVerb = (name: 'lock' | 'unlock', summary: string): Verb => ({
  name: `datastore migrate ${name}`,
  args: '',
  options: [],
  summary,
  details: `Sets datastoreReady of ClusterInformation default, as calicoctl does. Calico's own programs wait while it is false;
those of Muslin go on, and "muslinctl doctor" tells that it is locked.

Exit code: 0 done, 1 the cluster did not answer.`,
  examples: [`muslinctl datastore migrate ${name}`],
  async run(ctx, input) {
    const { setLock } = await import('../datastore/lock.ts');
    return setLock(ctx, input, name === 'lock');
  },
});

export const datastoreLock = lockVerb('lock', 'mark the objects as being moved');
export const datastoreUnlock = lockVerb('unlock', 'take that mark away');

/** All objects as YAML: a backup, or the way to another cluster. */
export const datastoreExport: Verb = {
  name: 'datastore migrate export',
  args: '',
  options: [],
  summary: 'write all objects of projectcalico.org/v3 and muslin.dev as YAML, addresses too',
  details: `Without what this cluster put there (uid, resourceVersion, status), so that another one takes it: a backup. Secrets
with passwords are not in it.

Exit code: 0 all written, 1 the cluster did not answer.`,
  examples: ['muslinctl datastore migrate export > backup.yaml'],
  async run(ctx, input) {
    const { exportObjects } = await import('../datastore/export.ts');
    return exportObjects(ctx, input);
  },
};

export const datastoreImport: Verb = {
  name: 'datastore migrate import',
  args: '',
  options: [OBJECTS],
  summary: 'write the objects of an export into a cluster that has none',
  details: `Refuses where blocks of addresses are there already: those of two clusters must not mix.

Exit code: 0 all done, 1 something is in the way or the server refused something, 2 bad usage or input.`,
  examples: ['muslinctl datastore migrate import -f backup.yaml'],
  async run(ctx, input) {
    const { importObjects } = await import('../datastore/import.ts');
    return importObjects(ctx, input);
  },
};
