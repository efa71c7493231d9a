import { ALL_NAMESPACES, FILES, NAMESPACE, OUTPUT, SELECTOR } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Shows objects of the cluster that matter to the network. */
export const get: Verb = {
  name: 'get',
  args: '[kind] [names...]',
  options: [
    NAMESPACE,
    ALL_NAMESPACES,
    SELECTOR,
    {
      ...OUTPUT,
      summary:
        'json, yaml, wide, name, jsonpath={.path}, go-template={{.path}} or custom-columns=HEAD:.path,…',
    },
    { flags: '-w, --watch', summary: 'stay, and show each change as it comes' },
    { ...FILES, summary: 'objects that files name (repeatable)' },
    {
      flags: '--field-selector <fields>',
      summary: 'only objects with these fields: metadata.name=a,spec.tier!=b',
    },
    { flags: '--sort-by <path>', summary: 'in the order of what stands there: .metadata.creationTimestamp' },
    { flags: '--no-headers', summary: 'a table without its heads' },
    { flags: '--show-labels', summary: 'a column with all labels' },
    { flags: '-L, --label-columns <labels>', summary: 'a column for each of these labels', repeats: true },
    { flags: '--chunk-size <number>', summary: 'ask for so many objects at a time (default: 500; 0: all)' },
    { flags: '--export', summary: 'json and yaml without what this cluster put there, for another one' },
  ],
  summary: 'show nodes, pools, blocks, peers, policies and the like',
  details: `Several kinds are asked about as ippools,bgppeers, objects of several as ippool/a bgppeer/b.

Kinds (and their short names): nodes (no), workloadendpoints (wep), profiles (pro), ippools (ipp, pool), ipreservations,
blocks, blockaffinities, ipamhandles, ipamconfigurations, bgppeers (bp), bgpconfigurations (bgpconfig),
bgpfilters (bf), bgppeerpolicies (bgppp), bgpnodestatuses (bgpns), networkpolicies (np, pol; of Kubernetes
and of Calico), globalnetworkpolicies (gnp), clusternetworkpolicies (cnp), tiers, stagednetworkpolicies (snp),
stagedglobalnetworkpolicies (sgnp), stagedkubernetesnetworkpolicies (sknp), networksets (netset),
globalnetworksets (gns), hostendpoints (hep), felixconfigurations (felixconfig), clusterinformations
(clusterinfo), kubecontrollersconfigurations (kcc), caliconodestatuses (nodestatus), policystatuses,
policynodestatuses, addressnodestatuses.

Exit code: 0 found, 1 a name is not there or the cluster did not answer, 2 bad usage.`,
  examples: [
    'muslinctl get nodes -o wide',
    'muslinctl get blocks',
    'muslinctl get policies -A',
    'muslinctl get ippool default -o yaml',
    'muslinctl get bgppeers -w',
    'muslinctl get tiers,gnp --sort-by=.spec.order',
    "muslinctl get ippools -o jsonpath='{.items[*].spec.cidr}'",
    'muslinctl get ippools -o custom-columns=NAME:.metadata.name,CIDR:.spec.cidr',
  ],
  async run(ctx, input) {
    const { getObjects } = await import('../live/get-objects.ts');
    return getObjects(ctx, input);
  },
};
