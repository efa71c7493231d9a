import { isMapping } from './spec-field.ts';

/** IPAMConfiguration, with defaults. */
export interface IpamConfig {
  /** Addresses only from blocks of the own node. */
  readonly strictAffinity: boolean;
  /** Nodes may claim blocks by themselves. */
  readonly autoAllocateBlocks: boolean;
  /** Blocks of one family that a node may have; 0 in the resource means 20. */
  readonly maxBlocksPerHost: number;
  /** How long a released address stays unused, ms. */
  readonly cooldownMs: number;
}

/** Cap on blocks per node where the resource gives 0. */
const DEFAULT_MAX_BLOCKS = 20;

/** What holds without an IPAMConfiguration. */
export const DEFAULT_IPAM_CONFIG: IpamConfig = {
  strictAffinity: false,
  autoAllocateBlocks: true,
  maxBlocksPerHost: DEFAULT_MAX_BLOCKS,
  cooldownMs: 0,
};

/** Reads an IPAMConfiguration's spec; what is absent or wrong has its default. */
export function ipamConfigFromSpec(spec: unknown): IpamConfig {
  const raw = isMapping(spec) ? spec : {};
  const count = (name: string) => {
    const value = raw[name];
    return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
  };
  return {
    strictAffinity: raw['strictAffinity'] === true,
    autoAllocateBlocks: raw['autoAllocateBlocks'] !== false,
    maxBlocksPerHost: count('maxBlocksPerHost') || DEFAULT_MAX_BLOCKS,
    cooldownMs: count('ipCooldownSeconds') * 1000,
  };
}
