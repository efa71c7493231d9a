import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { play } from './play.ts';
import { prepare } from './prepare.ts';
import { compare, readRecording, writeRecording } from './recording.ts';
import { SCENES } from './scenes.ts';
import { serverAt } from './server.ts';

const HELP = `usage: npm run oracle -- --server URL [--token TOKEN] [--ca FILE] [--scene NAME]… [--record]

Puts every question of test/oracle to an API server and compares its answers with the recorded ones.
  --record   writes the answers down instead; the server must be new, for it keeps what it is asked to make
`;

const { values } = parseArgs({
  options: {
    server: { type: 'string' },
    token: { type: 'string' },
    ca: { type: 'string' },
    scene: { type: 'string', multiple: true },
    record: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help || values.server === undefined) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const ca = values.ca === undefined ? undefined : readFileSync(values.ca, 'utf8');
const server = serverAt(values.server, values.token, ca);
const version = await server.ask({
  method: 'GET',
  path: '/version',
  body: undefined,
  headers: {},
  events: undefined,
});
const name = `Kubernetes ${version.body?.gitVersion ?? 'of an unknown version'}`;
await prepare(server);
let wrong = 0;
for (const scene of SCENES) {
  if (values.scene !== undefined && !values.scene.includes(scene.name)) continue;
  const answers = await play(scene, server);
  if (values.record) {
    writeRecording(scene.name, { server: name, answers });
    process.stdout.write(`${scene.name}: ${answers.size} answers of ${name}\n`);
    continue;
  }
  const { other, unrecorded } = compare(readRecording(scene.name).answers, answers);
  wrong += other.size + unrecorded.length;
  process.stdout.write(
    `${scene.name}: ${answers.size} answers, ${other.size} differ, ${unrecorded.length} were never recorded\n`,
  );
  for (const line of other.values()) process.stdout.write(`${line}\n`);
}
server.close();
process.exitCode = wrong === 0 ? 0 : 1;
