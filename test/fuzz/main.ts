import { parseArgs } from 'node:util';
import { fuzz } from '../../packages/bgp/test/fuzz/fuzz-run.ts';
import { runMesh, runReflectors } from '../../packages/bgp/test/hundred.ts';
import { compareSpeakers } from './differential.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    messages: { type: 'string', default: '5000000' },
    worlds: { type: 'string', default: '10' },
    samples: { type: 'string', default: '25' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
  },
});
const seed = Number(values.seed);
if (positionals[0] === 'hundred') {
  for (let world = seed; world < seed + Number(values.worlds); world++) {
    for (const run of [runMesh, runReflectors]) {
      const { broken, compared, differences } = run(world);
      process.stdout.write(
        `${run.name} ${world}: ${compared} routes compared, ${broken} links down at the end, ${differences.length} differences\n`,
      );
      if (differences.length > 0) {
        process.stdout.write(`${differences.slice(0, 10).join('\n')}\n`);
        process.exitCode = 1;
      }
    }
  }
} else if (positionals[0] === 'differential') await compareSpeakers(Number(values.samples), seed);
else {
  process.stdout.write(`seed ${seed}\n`);
  const start = process.cpuUsage();
  const report = fuzz(Number(values.messages), seed, 4, done => process.stdout.write(`${done} messages\n`));
  const { user, system } = process.cpuUsage(start);
  process.stdout.write(
    `${report.messages} messages in ${Math.round((user + system) / 1e6)} s of CPU: ${report.clean} without a fault, ${report.survived} survived, ${report.reset} would end the session\n` +
      `${report.spoken} of them spoken in ${report.sessions} sessions; slowest message ${report.slowest.toFixed(1)} ms; memory grew by ${report.growth} octets\n`,
  );
  if (report.growth > 8 << 20 || report.slowest > 500) {
    process.stdout.write('that is too much\n');
    process.exitCode = 1;
  }
}
