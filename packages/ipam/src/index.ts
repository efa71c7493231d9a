/**
 * Pools, blocks with node affinity, borrowing, reservations, handles, proof before an address is freed. Pure.
 *
 * @packageDocumentation
 */
export {
  type Affinity,
  type AffinityState,
  affinityFromSpec,
  affinityToSpec,
  storedAffinity,
} from './affinity.ts';
export { allocate } from './allocate.ts';
export {
  addressesOf,
  type Block,
  type BlockAddress,
  type BlockAttribute,
  type BlockOwner,
  emptyBlock,
  ipAt,
  isEmpty,
  ordinalOf,
  type Sequence,
  sameOwner,
} from './block.ts';
export { type Assigned, type AssignRefusal, type AssignRequest, assignFromBlock } from './block-assign.ts';
export {
  type ReleaseExpectation,
  type ReleaseRefusal,
  type ReleaseTime,
  release,
  releaseHandle,
  settleCooled,
} from './block-release.ts';
export { blockFromSpec, blockToSpec, formatOwner, parseOwner } from './block-spec.ts';
export { claimNext, type NextBlockRequest } from './claim-next.ts';
export type { Effect, Input, StoreAnswer, StoreRequest } from './effect.ts';
export type { IpamFault, Reason } from './fault.ts';
export { blockHolding, freeBlockCandidates } from './free-blocks.ts';
export { countInBlock, type Handle, handleFromSpec, handleToSpec } from './handle.ts';
export { DEFAULT_IPAM_CONFIG, type IpamConfig, ipamConfigFromSpec } from './ipam-config.ts';
export { drive, type Machine, type MachineState, machine, type Program, type Step } from './machine.ts';
export {
  claimBlock,
  type Released,
  releaseBlock,
  releaseByHandle,
  releaseHandles,
  releaseIp,
} from './machines.ts';
export { affinityName, blockName, handleName } from './names.ts';
export {
  attributesOf,
  FLOATING_TYPE,
  floatingHandleId,
  HANDLE_ANNOTATIONS,
  handleAnnotations,
  type Owner,
  podHandleId,
  tunnelHandleId,
  UID_ATTRIBUTE,
} from './owner.ts';
export {
  choosePools,
  type ExcludedPool,
  namesNone,
  type PoolChoice,
  type PoolNames,
  type PoolRequest,
  poolRequest,
} from './pool-choice.ts';
export type { GivenUp } from './release-affinity.ts';
export type { AllocatedAddress, Allocation, AllocationRequest, How } from './request.ts';
export { chooseKept, KEPT_ANNOTATION, keptIn, withKept } from './kept.ts';
export {
  type GivenOut,
  lostText,
  type Settled,
  settleKept,
  type SettleRequest,
} from './settle-kept.ts';
export type { IpamKind, SpecFault, StoredMetadata, StoredObject } from './stored.ts';
export { type CheckReport, check, type Problem } from './check.ts';
export {
  type Breaker,
  DEFAULT_BREAKER,
  type MassRelease,
  mostAtOnce,
  releasable,
  releaseLeak,
} from './collect.ts';
export { type Forecast, forecast } from './forecast.ts';
export { addressesIn, type InUse, type Inventory, inventoryOf } from './inventory.ts';
export {
  type Evidence,
  type Leak,
  type LeakProof,
  leakOf,
  type PodFacts,
  proveLeak,
  type Witnesses,
} from './leak.ts';
export {
  type AddressState,
  addressStates,
  type BlockUsage,
  borrowerOf,
  type ClusterUsage,
  type PoolUsage,
  type Usage,
  usageOf,
} from './usage.ts';
