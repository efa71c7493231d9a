import { readFileSync } from 'node:fs';
import { KubeClient, loadKubeconfig } from '@muslin/kube';
import { type KubeletNode, LabKubelet } from './kubelet.ts';

/** What the lab hands to its kubelet process. */
export interface KubeletConfig {
  readonly kubeconfig: string;
  readonly nodes: readonly KubeletNode[];
  readonly namespacePrefix: string;
  readonly folder: string;
}

const config = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as KubeletConfig;
const connection = loadKubeconfig({ path: config.kubeconfig });
if (!connection.ok) {
  process.stderr.write(`${connection.fault.message}\n`);
  process.exit(2);
}
const kubelet = new LabKubelet({
  ...config,
  client: new KubeClient(connection.value, { userAgent: 'lab-kubelet' }),
  log: line => process.stderr.write(`${new Date().toISOString()} ${line}\n`),
});
kubelet.start();
for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.once(name, () => void kubelet.stop().then(() => process.exit(0)));
