import type { Verb } from '../verb.ts';

/** What calicoctl has and Muslin has not: a sentence that says what to do instead. */
const notHere = (name: string, instead: string): Verb => ({
  name,
  args: '[args...]',
  options: [],
  loose: true,
  summary: `not here: ${instead}`,
  examples: [`muslinctl ${name}`],
  hidden: true,
  run: async ctx => ctx.fail(2, `muslinctl has no "${name}": ${instead}`),
});

/** Whatever follows such a word is taken, so that the sentence comes and no complaint about an option. */
export const NOT_HERE: readonly Verb[] = [
  notHere('node run', 'nodes are served by the DaemonSet muslin-node (docs/getting-started.md)'),
  notHere(
    'convert',
    'objects of crd.projectcalico.org/v1 are read as they are: "muslinctl validate -f", "muslinctl migrate plan --files"',
  ),
  notHere(
    'datastore migrate-policy-names',
    'policies of every name are read, with and without the prefix of their tier',
  ),
  notHere('edit', 'use "kubectl edit", or "muslinctl get KIND NAME -o yaml" and "muslinctl apply -f"'),
  notHere('describe', 'use "kubectl describe", or "muslinctl get KIND NAME -o yaml"'),
];
