import type { AnyObject } from '@muslin/kube';
import { listAt, numberAt, textAt, valueAt } from '../files/json.ts';
import { VERSION } from '../version.ts';
import type { Finding } from './finding.ts';

/** Workloads of the installation, by what they are called in the chart. */
export const NODE_PROGRAM = 'muslin-node';
export const CONTROLLER = 'muslin-controller';

/** What is wrong with the programs that run: absent, not ready, of several versions. */
export function programFindings(
  daemonSets: readonly AnyObject[],
  deployments: readonly AnyObject[],
): readonly Finding[] {
  const nodes = daemonSets.filter(({ metadata }) => metadata.name === NODE_PROGRAM);
  const controllers = deployments.filter(({ metadata }) => metadata.name === CONTROLLER);
  // A lab, or an installation under other names: sessions and policies tell whether programs run.
  if (nodes.length + controllers.length === 0) return [];
  return [
    ...nodes.flatMap(nodeFindings),
    ...controllers.flatMap(controllerFindings),
    ...(controllers.length === 0 ? [missing('Deployment', CONTROLLER)] : []),
    ...(nodes.length === 0 ? [missing('DaemonSet', NODE_PROGRAM)] : []),
    ...[...nodes, ...controllers].flatMap(skewFindings),
  ];
}

const about = (kind: string, { metadata }: AnyObject) => ({
  area: 'programs' as const,
  object: `${kind} ${metadata.namespace ?? ''}/${metadata.name ?? ''}`,
});

function missing(kind: string, name: string): Finding {
  return {
    ...{ severity: 'problem', area: 'programs', object: `${kind} ${name}`, code: 'not-installed' },
    reason: 'it is not there, though other parts of Muslin are',
    fix: 'install it again: helm upgrade, or kubectl apply -f deploy/manifests/',
  };
}

function nodeFindings(set: AnyObject): readonly Finding[] {
  const desired = numberAt(set, 'status', 'desiredNumberScheduled') ?? 0;
  const ready = numberAt(set, 'status', 'numberReady') ?? 0;
  const updated = numberAt(set, 'status', 'updatedNumberScheduled') ?? desired;
  const look = `kubectl -n ${set.metadata.namespace} get pods -o wide -l app.kubernetes.io/component=node`;
  const reason = `${ready} of ${desired} nodes have a ready pod; on the others no pod starts and no rule changes`;
  return [
    ...(ready < desired
      ? [
          {
            ...about('DaemonSet', set),
            ...{ severity: 'problem' as const, code: 'not-ready', reason, fix: look },
          },
        ]
      : []),
    ...(updated < desired
      ? [
          {
            ...about('DaemonSet', set),
            ...{ severity: 'waiting' as const, code: 'rollout' },
            reason: `an update has reached ${updated} of ${desired} nodes`,
            fix: `wait: kubectl -n ${set.metadata.namespace} rollout status daemonset/${NODE_PROGRAM}`,
          },
        ]
      : []),
  ];
}

function controllerFindings(deployment: AnyObject): readonly Finding[] {
  const wanted = numberAt(deployment, 'spec', 'replicas') ?? 1;
  const ready = numberAt(deployment, 'status', 'readyReplicas') ?? 0;
  if (ready >= wanted) return [];
  const none = ready === 0;
  return [
    {
      ...about('Deployment', deployment),
      severity: none ? 'problem' : 'warning',
      code: 'not-ready',
      reason: none
        ? 'no controller runs: addresses of lost nodes stay taken and conditions grow old; traffic goes on'
        : `${ready} of ${wanted} controllers are ready: nobody takes over if the leader goes`,
      fix: `kubectl -n ${deployment.metadata.namespace} describe pods -l app.kubernetes.io/component=controller`,
    },
  ];
}

/** Images whose tag is another version than this program. A digest tells nothing and is left out. */
function skewFindings(workload: AnyObject): readonly Finding[] {
  const tags = new Set(
    listAt(workload, 'spec', 'template', 'spec', 'containers').flatMap(container => {
      const tag = /:v?(\d+\.\d+\.\d+[^@/]*)$/.exec(String(valueAt(container, 'image') ?? ''))?.[1];
      return tag === undefined || tag === VERSION ? [] : [tag];
    }),
  );
  return [...tags].map(tag => ({
    ...about(textAt(workload, 'kind') ?? 'Workload', workload),
    ...{ severity: 'warning' as const, code: 'version-skew' },
    reason: `it runs version ${tag}, and this muslinctl is ${VERSION}: one may not know what the other writes`,
    fix: 'use the muslinctl of the image, or finish the upgrade of the programs',
  }));
}

/** Settings that ask for what the way agents are told does not give. */
export function fanoutFindings(
  daemonSets: readonly AnyObject[],
  objects: readonly AnyObject[],
): readonly Finding[] {
  const told = daemonSets.some(
    set =>
      set.metadata.name === NODE_PROGRAM &&
      listAt(set, 'spec', 'template', 'spec', 'containers').some(container =>
        listAt(container, 'command').some(word => String(word).startsWith('--fanout=')),
      ),
  );
  if (!told) return [];
  return objects
    .filter(object => object.kind === 'FelixConfiguration')
    .filter(object => /^workloadips$/i.test(textAt(object, 'spec', 'routeSource') ?? ''))
    .map(({ metadata }) => ({
      ...{ severity: 'problem', area: 'programs', code: 'routes-without-fanout' },
      object: `FelixConfiguration ${metadata.name}`,
      reason:
        'routeSource: WorkloadIPs does not go with fan-out: nodes are not told where pods of other nodes are, and overlays lead to podCIDRs alone',
      fix: 'set fanout.enabled: false in the chart, or take routeSource out',
    }));
}
