/** The kinds that hold the state of IPAM (projectcalico.org/v3). */
export type IpamKind = 'IPAMBlock' | 'BlockAffinity' | 'IPAMHandle';

/** Metadata that is carried through a read-change-write unharmed (Kubernetes ObjectMeta). */
export interface StoredMetadata {
  readonly name: string;
  /** Present on what was read; a write names the version that it changes. */
  readonly resourceVersion?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string | null;
  readonly deletionTimestamp?: string | null;
}

/** An object as the API server stores it. */
export interface StoredObject {
  readonly kind: IpamKind;
  readonly metadata: StoredMetadata;
  readonly spec: unknown;
}

/** Why a stored object cannot be used. */
export interface SpecFault {
  readonly code: 'unreadable';
  /** `spec.allocations`. */
  readonly field: string;
  readonly message: string;
}
