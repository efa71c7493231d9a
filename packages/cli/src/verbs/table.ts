import type { Verb } from '../verb.ts';
import { apply } from './apply.ts';
import { bgpAdvertised } from './bgp-advertised.ts';
import { bgpDoctor } from './bgp-doctor.ts';
import { bgpDrain, bgpLeave, bgpUndrain } from './bgp-drain.ts';
import { bgpDump } from './bgp-dump.ts';
import { bgpExplain } from './bgp-explain.ts';
import { bgpPeer } from './bgp-peer.ts';
import { bgpPeers } from './bgp-peers.ts';
import { bgpReceived } from './bgp-received.ts';
import { bgpReplay } from './bgp-replay.ts';
import { bgpRoutes } from './bgp-routes.ts';
import { clusterDiags } from './cluster-diags.ts';
import { completeVerb } from './complete.ts';
import { completion } from './completion.ts';
import { create } from './create.ts';
import { datastoreExport, datastoreImport, datastoreLock, datastoreUnlock } from './datastore.ts';
import { remove } from './delete.ts';
import { diff } from './diff.ts';
import { doctor } from './doctor.ts';
import { flows } from './flows.ts';
import { get } from './get.ts';
import { ipamCheck } from './ipam-check.ts';
import { ipamConfigure } from './ipam-configure.ts';
import { ipamSplit } from './ipam-split.ts';
import { ipamHistory } from './ipam-history.ts';
import { ipamRelease } from './ipam-release.ts';
import { ipamShow } from './ipam-show.ts';
import { ipamWhy } from './ipam-why.ts';
import { label } from './label.ts';
import { migrateApply, migrateBack, migrateFinish, migratePlan } from './migrate.ts';
import { nodeCheckSystem, nodeDiags, nodeStatus } from './node-status.ts';
import { NOT_HERE } from './not-here.ts';
import { patch } from './patch.ts';
import { policyCounters } from './policy-counters.ts';
import { policyStatus } from './policy-status.ts';
import { reach } from './reach.ts';
import { replace } from './replace.ts';
import { validate } from './validate.ts';
import { verdict } from './verdict.ts';
import { version } from './version.ts';
import { why } from './why.ts';

/** Every verb, in the order of `--help`. */
export const VERBS: readonly Verb[] = [
  ...[why, reach, diff, verdict, validate, policyStatus, policyCounters, flows],
  ...[get],
  ...[doctor, nodeStatus, nodeDiags, nodeCheckSystem, clusterDiags],
  ...[bgpPeers, bgpPeer, bgpRoutes, bgpReceived, bgpAdvertised, bgpExplain, bgpDoctor, bgpDump, bgpReplay],
  ...[bgpDrain, bgpUndrain, bgpLeave],
  ...[ipamShow, ipamWhy, ipamHistory, ipamCheck, ipamRelease, ipamSplit, ipamConfigure],
  ...[create, apply, replace, remove, patch, label],
  ...[migratePlan, migrateApply, migrateFinish, migrateBack],
  ...[datastoreExport, datastoreImport, datastoreLock, datastoreUnlock],
  ...[version, completion, completeVerb(() => VERBS)],
  ...NOT_HERE,
];
