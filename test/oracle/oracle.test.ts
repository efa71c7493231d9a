import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer } from '../../packages/lab/src/apiserver/index.ts';
import { makeCertificates } from '../../packages/lab/src/apiserver/certificates.ts';
import { KNOWN } from './known.ts';
import { play } from './play.ts';
import { prepare } from './prepare.ts';
import { compare, readRecording } from './recording.ts';
import { SCENES } from './scenes.ts';
import { type Server, serverAt } from './server.ts';

const TOKEN = 'secret-of-the-test';
let stand: Awaited<ReturnType<typeof startApiServer>>;
let server: Server;

beforeAll(async () => {
  const { caPem, certPem, keyPem } = await makeCertificates({ dns: ['localhost'], ips: ['127.0.0.1'] });
  stand = await startApiServer({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    tokens: new Map([[TOKEN, { user: 'tester', groups: ['system:masters'] }]]),
    tls: { cert: certPem, key: keyPem, ca: caPem },
  });
  server = serverAt(`https://127.0.0.1:${stand.addresses[0]?.port}`, TOKEN, caPem);
  await prepare(server);
}, 60_000);
afterAll(async () => {
  server.close();
  await stand.close();
});

describe('the stand-in answers as the API server of Kubernetes did', () => {
  it.each(SCENES.map(scene => [scene.name, scene] as const))('%s', async (name, scene) => {
    const answers = await play(scene, server);
    const { other, unrecorded } = compare(readRecording(name).answers, answers);
    const known = KNOWN[name] ?? {};
    expect([...other].filter(([say]) => known[say] === undefined).map(([, line]) => line)).toEqual([]);
    expect([...other.keys()].filter(say => known[say] !== undefined).sort()).toEqual(
      Object.keys(known).sort(),
    );
    // A field may be newer than the recording; most are not.
    expect(unrecorded.length, unrecorded.join('\n')).toBeLessThanOrEqual(answers.size / 10);
  });
});
