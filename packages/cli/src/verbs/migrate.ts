import { FILES_MANY, OUTPUT_DATA } from '../options.ts';
import type { Verb } from '../verb.ts';

const NODE = {
  flags: '--node <name>',
  summary: 'hand this drained node over, too (repeatable)',
  repeats: true as const,
};

/** Coming from Calico, and going back. */
export const migratePlan: Verb = {
  name: 'migrate plan',
  args: '',
  options: [{ ...FILES_MANY, summary: 'a dump of the objects, read instead of the cluster' }, OUTPUT_DATA],
  summary: 'show what a move from Calico keeps, changes and does not support, and its steps',
  details: `Reads crd.projectcalico.org/v1 where it is served, else projectcalico.org/v3. Changes nothing.

Exit code: 0 all carries over, 1 something is not supported or the cluster did not answer, 2 bad usage or input.`,
  examples: ['muslinctl migrate plan', 'muslinctl migrate plan -f calico-dump.yaml -o json'],
  async run(ctx, input) {
    const { showPlan } = await import('../migrate/show-plan.ts');
    return showPlan(ctx, input);
  },
};

const moving = (name: 'apply' | 'back', summary: string, details: string): Verb => ({
  name: `migrate ${name}`,
  args: '',
  options: [NODE],
  summary,
  details: `${details}

What is done already is done again without harm: after a fault, run it again.

Exit code: 0 done, 1 something is in the way (it says what), 2 bad usage.`,
  examples: [`muslinctl migrate ${name}`, `muslinctl migrate ${name} --node worker-1`],
  async run(ctx, input) {
    const { runMigration } = await import('../migrate/run-migration.ts');
    return runMigration(ctx, input, name === 'apply' ? 'to-muslin' : 'to-calico');
  },
});

export const migrateApply = moving(
  'apply',
  'copy objects and addresses from Calico, and hand nodes over one by one',
  `Stops Calico from claiming further blocks, copies objects and addresses, and keeps the DaemonSets calico-node and
muslin-node to nodes of their own (label muslin.dev/node). With --node: cordons the node, refuses until it is drained,
moves its addresses, labels it. Setting Calico's CNI file aside, the reboot and the uncordon are yours; "migrate plan"
lists them.`,
);

export const migrateBack = moving(
  'back',
  'hand nodes back to Calico, and undo what apply did',
  `The other way round: --node for one, else all nodes that were handed over. With the last of them Calico claims blocks
again.`,
);

export const migrateFinish: Verb = {
  name: 'migrate finish',
  args: '',
  options: [],
  summary: 'end a move from Calico: give back its settings, and copy nothing any more',
  details: `Refuses while a node is with Calico, or its DaemonSet is there. Gives IPAMConfiguration the strictAffinity that Calico
had, lets muslin-node run on every node, and notes that projectcalico.org/v3 leads, so that a later "migrate apply"
overwrites nothing. There is no way back after it.

Exit code: 0 done, 1 something is in the way (it says what), 2 bad usage.`,
  examples: ['muslinctl migrate finish'],
  async run(ctx, input) {
    const { runMigration } = await import('../migrate/run-migration.ts');
    return runMigration(ctx, input, 'finish');
  },
};
