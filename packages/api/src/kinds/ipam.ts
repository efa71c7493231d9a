import * as z from 'zod';
import { calicoKind, column } from './kind.ts';
import { choice, cidr, flag, integer, labels, list, map, object, text } from './property.ts';

/** A place of a block that nobody has is null, hence the nullable item. */
const allocation = z.int().nullable().meta({ description: 'Index into attributes; null: free' });

export const ipamBlock = calicoKind({
  kind: 'IPAMBlock',
  plural: 'ipamblocks',
  scope: 'Cluster',
  about: 'A block of a pool and who has which address of it. Written by Muslin; look, but do not touch.',
  spec: object(
    {
      cidr: cidr('The block'),
      affinity: text('Who fills the block: host:<node> or virtual:<name>', {
        pattern: '^(host|virtual):[a-zA-Z0-9\\.\\-_]+$',
      }).optional(),
      affinityClaimTime: text('When it was claimed', { format: 'date-time' }).optional(),
      allocations: list(allocation, 'For each address of the block, in order, its entry in attributes', {
        type: 'atomic',
      }),
      unallocated: list(z.int(), 'Free addresses, by index, longest free first', { type: 'atomic' }),
      attributes: list(
        object(
          {
            handle_id: text('Handle of the owner').optional(),
            secondary: labels('Who the owner is: namespace, pod, node').optional(),
            alternateOwnerAttrs: labels('Second owner during a live migration').optional(),
            releasedAt: text('When it was given back, while it cools down', {
              format: 'date-time',
            }).optional(),
          },
          'An owner',
        ),
        'Owners of addresses',
        { type: 'atomic' },
      ),
      sequenceNumber: integer('Goes up with each change', { format: 'int64' }).default(0),
      sequenceNumberForAllocation: map(
        z.int().meta({ format: 'int64' }),
        'sequenceNumber at each allocation, by index',
      ).optional(),
      deleted: flag('Whether the block is about to go', 'false').optional(),
      strictAffinity: flag('Not used any more'),
    },
    'The block',
  ),
  columns: [
    column('CIDR', '.spec.cidr', 'The block'),
    column('Affinity', '.spec.affinity', 'Who fills it'),
    column('ClaimTime', '.spec.affinityClaimTime', 'When it was claimed', 'date'),
  ],
});

export const blockAffinity = calicoKind({
  kind: 'BlockAffinity',
  plural: 'blockaffinities',
  shortNames: ['affinity', 'affinities'],
  scope: 'Cluster',
  about: 'That a node claims a block. Written by Muslin; look, but do not touch.',
  spec: object(
    {
      cidr: cidr('The block'),
      node: text('The node'),
      type: text('host or virtual', { usual: 'host' }).optional(),
      state: choice(['', 'confirmed', 'pending', 'pendingDeletion'], 'How far the claim is'),
      deleted: flag('Whether the claim is about to go').default(false),
    },
    'The claim',
  ),
  columns: [
    column('CIDR', '.spec.cidr', 'The block'),
    column('Node', '.spec.node', 'The node'),
    column('Type', '.spec.type', 'host or virtual'),
  ],
});

export const ipamHandle = calicoKind({
  kind: 'IPAMHandle',
  plural: 'ipamhandles',
  scope: 'Cluster',
  about: 'How many addresses of which blocks one owner has. Written by Muslin; look, but do not touch.',
  spec: object(
    {
      handleID: text('Name of the owner'),
      block: map(z.int(), 'Number of addresses by block'),
      deleted: flag('Whether the handle is about to go', 'false').optional(),
    },
    'The owner',
  ),
});

export const ipamConfiguration = calicoKind({
  kind: 'IPAMConfiguration',
  plural: 'ipamconfigurations',
  shortNames: ['ipamconfig', 'ipamconfigs'],
  scope: 'Cluster',
  about: 'How addresses are given out; one object, called default.',
  spec: object(
    {
      strictAffinity: flag('Whether a node may only use addresses of its own blocks').default(false),
      autoAllocateBlocks: flag('Whether nodes claim blocks by themselves').default(true),
      maxBlocksPerHost: integer('How many blocks a node may claim; 0: 20', {
        least: 0,
        most: 1_000_000,
        format: 'int32',
      }).default(0),
      kubeVirtVMAddressPersistence: choice(
        ['Enabled', 'Disabled'],
        'Whether a virtual machine keeps its address when its pod changes',
      ).optional(),
      ipCooldownSeconds: integer('How long an address rests before someone else gets it', {
        least: 0,
        most: 1_200,
        format: 'int32',
        usual: '0',
      }).optional(),
    },
    'The settings',
  ),
  columns: [
    column('StrictAffinity', '.spec.strictAffinity', 'Only own blocks', 'boolean'),
    column('MaxBlocksPerHost', '.spec.maxBlocksPerHost', 'How many blocks a node may claim', 'integer'),
    column('AutoAllocateBlocks', '.spec.autoAllocateBlocks', 'Nodes claim blocks by themselves', 'boolean'),
  ],
});
