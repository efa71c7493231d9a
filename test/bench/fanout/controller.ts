/** The controller's fan-out as a process of its own, fed with a made-up cluster where watches would feed it. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FanoutServer } from '../../../packages/controller/src/fanout/fanout-server.ts';
import { pod, type Size, world } from './world.ts';

const [folder = '', text = ''] = process.argv.slice(2);
const size = JSON.parse(text) as Size;
let loaded = false;
const server = new FanoutServer({
  ...{ host: '127.0.0.1', port: 0, staleMs: () => (loaded ? 0 : undefined), log: () => {} },
  material: () => ({
    cert: readFileSync(`${folder}/ca-muslin-controller.pem`, 'utf8'),
    key: readFileSync(`${folder}/ca-muslin-controller.key`, 'utf8'),
    ca: readFileSync(`${folder}/ca.pem`, 'utf8'),
  }),
});
const began = performance.now();
for (const sighting of world(size)) server.saw(sighting);
server.flush();
loaded = true;
const loadMs = performance.now() - began;
const port = await server.listen();
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

const figures = () => ({
  ...server.status,
  rss: process.memoryUsage().rss,
  peak: process.resourceUsage().maxRSS * 1024,
  cpu: process.cpuUsage(),
});
let revision = 1;

/** Labels of pods all over the cluster change, so many for each tick of 10 ms, as a watch would show them. */
function change(count: number, perTick: number): Promise<void> {
  return new Promise(resolve => {
    let done = 0;
    const timer = setInterval(() => {
      for (let n = 0; n < perTick && done < count; n++, done++) {
        revision++;
        server.saw(pod((done * 7919) % size.pods, size, `v${revision % 3}`, revision));
      }
      if (done < count) return;
      clearInterval(timer);
      setTimeout(resolve, 50);
    }, 10);
  });
}

process.on(
  'message',
  async (asked: { readonly count?: number; readonly perTick?: number; readonly collect?: true }) => {
    if (asked.collect) collect();
    const begun = performance.now();
    if (asked.count !== undefined) await change(asked.count, asked.perTick ?? 10);
    process.send?.({ ...figures(), ms: performance.now() - begun });
  },
);
process.on('disconnect', () => process.exit(0));
process.send?.({ port, loadMs, ...figures() });
