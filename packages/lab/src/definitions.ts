import { globSync, readFileSync } from 'node:fs';
import type { AnyObject } from '@muslin/kube';
import { parseAllDocuments } from 'yaml';

/** The definitions that the project ships. */
export function ownDefinitions(root: string): readonly AnyObject[] {
  return globSync('*.yaml', { cwd: `${root}/crds` }).flatMap(file =>
    parseAllDocuments(readFileSync(`${root}/crds/${file}`, 'utf8')).map(
      document => document.toJS() as AnyObject,
    ),
  );
}

/** Kinds of policy.networking.k8s.io that people bring from kubernetes-sigs/network-policy-api. */
const KINDS = [
  ['ClusterNetworkPolicy', 'clusternetworkpolicies', 'cnp', 'v1alpha2'],
  ['AdminNetworkPolicy', 'adminnetworkpolicies', 'anp', 'v1alpha1'],
  ['BaselineAdminNetworkPolicy', 'baselineadminnetworkpolicies', 'banp', 'v1alpha1'],
] as const;

const ANYTHING = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/**
 * Definitions of cluster-wide policies, so that they can be tried in a lab. They take any fields: what Muslin can't honour
 * it says itself. Whoever applies upstream's own puts them in the place of these.
 */
export function policyDefinitions(): readonly AnyObject[] {
  return KINDS.map(([kind, plural, short, version]) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.policy.networking.k8s.io`,
      // The API server takes names of *.k8s.io only with a word about their review.
      annotations: { 'api-approved.kubernetes.io': 'unapproved, a stand-in of the lab' },
    },
    spec: {
      group: 'policy.networking.k8s.io',
      scope: 'Cluster',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: [short] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: ANYTHING, status: ANYTHING } } },
        },
      ],
    },
  }));
}
