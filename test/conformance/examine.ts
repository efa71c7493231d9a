import { Lab, type Patience } from './lab.ts';
import { GUESTS_LINE, type Observation } from './observation.ts';
import { endWithParent } from './orphan.ts';
import { placeOf } from './place.ts';
import { PROBES } from './probes/index.ts';

/**
 * Runs in the namespace of the probes: `{numbers, atOnce, patience}` as JSON in the first argument, one observation as
 * JSON per line of standard output, a last one for guests whose session did not survive.
 */
const { numbers, atOnce, patience } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly numbers: readonly number[];
  readonly atOnce: number;
  readonly patience: Patience;
};
const say = (observation: Observation) => process.stdout.write(`${JSON.stringify(observation)}\n`);
endWithParent();
const lab = await Lab.open(patience);
const waiting = [...numbers];

async function work(): Promise<void> {
  for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
    const probe = PROBES[number];
    if (probe === undefined) continue;
    const observed = await probe
      .run(lab, placeOf(number + 1, probe.internal))
      .catch((error: Error) => `no observation: ${error.message}`);
    say({ number, observed });
  }
}

await Promise.all(Array.from({ length: atOnce }, work));
say({ number: GUESTS_LINE, observed: lab.lost().join(', ') });
lab.close();
process.exit(0);
