import type { Secret } from './secret.ts';

/** A piece of TLS material: given, or in a file that may be rotated. */
export type Material = { readonly data: Secret } | { readonly file: string };

/** An ExecCredential plugin (client.authentication.k8s.io/v1 or v1beta1). */
export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Told to the user when the command is not installed. */
  readonly installHint: string | undefined;
  readonly provideClusterInfo: boolean;
}

/** How to say who we are in a header. */
export type Bearer =
  | { readonly type: 'none' }
  | { readonly type: 'token'; readonly token: Secret }
  | { readonly type: 'tokenFile'; readonly file: string }
  | { readonly type: 'basic'; readonly username: string; readonly password: Secret }
  | { readonly type: 'exec'; readonly plugin: ExecPlugin };

/** All that is needed to talk to one API server as one user. Safe to print: secrets hide themselves. */
export interface Connection {
  /** `https://10.0.0.1:6443`, perhaps with a path; no trailing slash. */
  readonly server: string;
  /** Namespace for objects that name none. */
  readonly namespace: string;
  /** Where this came from, for messages: `/root/.kube/config context "lab"`. */
  readonly source: string;
  readonly ca: Material | undefined;
  /** Name to expect in the server's certificate, if not the host of `server`. */
  readonly serverName: string | undefined;
  /** Accept any server certificate. */
  readonly insecure: boolean;
  readonly clientCert: { readonly cert: Material; readonly key: Material } | undefined;
  readonly bearer: Bearer;
}

/** Why there is no connection to be made: which file, which field. */
export interface ConfigFault {
  readonly code: 'no-config' | 'unreadable' | 'not-yaml' | 'missing-field' | 'bad-field' | 'unsupported';
  readonly file: string;
  /** `users[0].user.exec.command`; empty for the whole file. */
  readonly field: string;
  /** Says what is wrong and what to do. */
  readonly message: string;
}
