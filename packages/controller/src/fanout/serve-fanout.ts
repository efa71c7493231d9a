import { readFileSync } from 'node:fs';
import { type KubeClient, watchCluster } from '@muslin/kube';
import { clusterAuthority } from './authority.ts';
import { enrol } from './enrolment.ts';
import type { FanoutOptions } from './fanout-options.ts';
import { type FanoutMaterial, FanoutServer } from './fanout-server.ts';

/** Name in every controller's certificate: agents know it, whichever they reach. */
const SERVER_NAME = 'muslin-controller';
const SERVER_MS = 7 * 24 * 3_600_000;
const RENEW_MS = 24 * 3_600_000;

/** Watches everything that nodes enforce, and serves each what concerns it. Rejects when the port or the files can't be had. */
export async function serveFanout(
  client: KubeClient,
  options: FanoutOptions & { readonly namespace: string },
  log: (line: string) => void,
) {
  const { host, port, identity } = options;
  const shown =
    identity.type === 'files'
      ? { stop: () => {}, serving: { material: () => readFiles(identity) } }
      : await ownIdentity(client, { ...options, ...identity }, log);
  const server = new FanoutServer({
    ...{ host, port, log, ...shown.serving },
    staleMs: () => {
      if (!watches.group.synced) return undefined;
      const { staleSince } = watches.group;
      return staleSince === undefined ? 0 : Math.max(0, Math.round(Date.now() - staleSince));
    },
  });
  const watches = watchCluster(
    client,
    sighting => server.saw(sighting),
    (kind, message) => log(`fan-out: ${kind}: ${message}`),
  );
  const listening = await server.listen();
  watches.group.start();
  return {
    port: listening,
    get status() {
      return { ...server.status, waitingFor: watches.missing() };
    },
    async stop() {
      shown.stop();
      await Promise.all([watches.group.stop(), server.stop()]);
    },
  };
}

/** The cluster's own authority: serves with its certificates, and gives agents theirs. */
async function ownIdentity(
  client: KubeClient,
  { namespace, account }: { readonly namespace: string; readonly account: string },
  log: (line: string) => void,
) {
  const signer = await clusterAuthority(client, namespace, log);
  const issue = () => signer.issue({ commonName: SERVER_NAME, dns: [SERVER_NAME], forMs: SERVER_MS });
  let serving = await issue();
  const renew = () =>
    void issue().then(
      pair => {
        serving = pair;
      },
      (error: Error) => log(`fan-out: its certificate can't be renewed: ${error.message}`),
    );
  const timer = setInterval(renew, RENEW_MS);
  return {
    stop: () => clearInterval(timer),
    serving: {
      material: (): FanoutMaterial => ({ ...serving, ca: signer.cert }),
      enrol: (enrolment: Parameters<typeof enrol>[0]) =>
        enrol(enrolment, { client, signer, namespace, account }),
    },
  };
}

function readFiles({ cert, key, ca }: FanoutMaterial): FanoutMaterial {
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), ca: readFileSync(ca, 'utf8') };
}
