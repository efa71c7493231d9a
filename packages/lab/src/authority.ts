import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import * as x509 from '@peculiar/x509';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 86_400_000;

/** PEM files of one certificate. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority that signs certificates for programs of a lab and of tests, as files in a folder. */
export class Authority {
  readonly #folder: string;
  readonly #name: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;

  private constructor(
    folder: string,
    name: string,
    keys: webcrypto.CryptoKeyPair,
    certificate: x509.X509Certificate,
  ) {
    this.#folder = folder;
    this.#name = name;
    this.#keys = keys;
    this.#certificate = certificate;
  }

  /** Makes its keys and writes `NAME.pem`. */
  static async make(folder: string, name: string): Promise<Authority> {
    const crypto = webcrypto as unknown as Crypto;
    x509.cryptoProvider.set(crypto);
    const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...{ name: `CN=${name}`, serialNumber: '01', signingAlgorithm: EC, keys },
      ...{ notBefore: new Date(Date.now() - 10 * DAY), notAfter: new Date(Date.now() + 3650 * DAY) },
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    });
    writeFileSync(`${folder}/${name}.pem`, certificate.toString('pem'));
    return new Authority(folder, name, keys, certificate);
  }

  /** The file of its own certificate. */
  get file(): string {
    return `${this.#folder}/${this.#name}.pem`;
  }

  /** Signs a certificate for `CN=commonName` and writes it and its key; `days` until it ends, below 0 for an expired one. */
  async issue(commonName: string, dns: readonly string[] = [], days = 3650): Promise<CertificateFiles> {
    const crypto = webcrypto as unknown as Crypto;
    const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      ...{ subject: `CN=${commonName}`, issuer: this.#certificate.subject, signingAlgorithm: EC },
      ...{ publicKey: keys.publicKey, signingKey: this.#keys.privateKey },
      ...{ notBefore: new Date(Date.now() - 9 * DAY), notAfter: new Date(Date.now() + days * DAY) },
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        ...(dns.length === 0
          ? []
          : [new x509.SubjectAlternativeNameExtension(dns.map(value => ({ type: 'dns' as const, value })))]),
      ],
    });
    const base = `${this.#folder}/${this.#name}-${commonName.replace(/[^a-z0-9-]/gi, '_')}${days < 0 ? '-old' : ''}`;
    const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    writeFileSync(`${base}.pem`, certificate.toString('pem'));
    writeFileSync(
      `${base}.key`,
      `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`,
      { mode: 0o600 },
    );
    return { cert: `${base}.pem`, key: `${base}.key` };
  }
}
