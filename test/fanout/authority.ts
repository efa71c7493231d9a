import { readFileSync, writeFileSync } from 'node:fs';
import type { FanoutMaterial } from '../../packages/controller/src/fanout/fanout-server.ts';
import { Signer } from '../../packages/controller/src/fanout/signer.ts';

const DAY = 86_400_000;

/** PEM files of one certificate. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority that signs certificates as files in a folder. */
export class Authority {
  readonly #folder: string;
  readonly #name: string;
  readonly signer: Signer;

  private constructor(folder: string, name: string, signer: Signer) {
    this.#folder = folder;
    this.#name = name;
    this.signer = signer;
  }

  /** Makes its keys and writes `NAME.pem`. */
  static async make(folder: string, name: string): Promise<Authority> {
    const signer = await Signer.read(await Signer.make(name));
    writeFileSync(`${folder}/${name}.pem`, signer.cert);
    return new Authority(folder, name, signer);
  }

  /** The file of its own certificate. */
  get file(): string {
    return `${this.#folder}/${this.#name}.pem`;
  }

  /** What a server shows that has this certificate and believes this authority. */
  material({ cert, key }: CertificateFiles): FanoutMaterial {
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), ca: this.signer.cert };
  }

  /** Signs a certificate and writes it and its key; `days` until it ends, below 0 for an expired one. */
  async issue(commonName: string, dns: readonly string[] = [], days = 10): Promise<CertificateFiles> {
    const pair = await this.signer.issue({ commonName, dns, forMs: days * DAY });
    const name = `${this.#name}-${commonName.replace(/[^a-z0-9-]/gi, '_')}${days < 0 ? '-old' : ''}`;
    const files = { cert: `${this.#folder}/${name}.pem`, key: `${this.#folder}/${name}.key` };
    writeFileSync(files.cert, pair.cert);
    writeFileSync(files.key, pair.key, { mode: 0o600 });
    return files;
  }
}
