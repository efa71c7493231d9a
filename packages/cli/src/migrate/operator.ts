import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { listAt, numberAt, textAt } from '../files/json.ts';

const INSTALLATIONS = '/apis/operator.tigera.io/v1/installations';
const DEPLOYMENTS = { ...RESOURCES.Pod, group: 'apps', plural: 'deployments', kind: 'Deployment' };
const NAME = 'tigera-operator';

/**
 * Calico's operator puts back whatever a migration changes of Calico: as long as it runs, nothing is begun. Says what to do;
 * undefined where there is none, or where it was scaled down.
 */
export async function operatorInTheWay(client: KubeClient): Promise<string | undefined> {
  const installations = await client.raw({ method: 'GET', path: INSTALLATIONS });
  const installation = installations.ok ? listAt(installations.value, 'items')[0] : undefined;
  if (installation === undefined) return undefined;
  const found = await client.listAll<AnyObject>(DEPLOYMENTS, { fieldSelector: `metadata.name=${NAME}` });
  const running = (found.ok ? found.value.items : []).find(each => numberAt(each, 'spec', 'replicas') !== 0);
  if (running === undefined) return undefined;
  const namespace = running.metadata.namespace ?? NAME;
  const name = textAt(installation, 'metadata', 'name') ?? 'default';
  return (
    `Calico is kept by its operator (Installation ${name}), which would put back what a migration changes. Stop it first: ` +
    `kubectl -n ${namespace} scale deployment ${NAME} --replicas=0 (and --replicas=1 on the way back). Leave the Installation: deleting it removes Calico`
  );
}
