import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR = 3_600_000;
/** Clocks of nodes may be behind by so much. */
const SKEW_MS = HOUR;
const AUTHORITY_MS = 10 * 365 * 24 * HOUR;
const crypto = webcrypto as unknown as Crypto;
x509.cryptoProvider.set(crypto);

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface Wanted {
  readonly commonName: string;
  /** Names of a server; none: it is a client's. */
  readonly dns?: readonly string[];
  /** Milliseconds that it holds; below 0 it has ended. */
  readonly forMs: number;
}

/** An authority with its key in memory (RFC 5280, EC P-256). */
export class Signer {
  /** Its own certificate, PEM. */
  readonly cert: string;
  readonly #subject: string;
  readonly #key: CryptoKey;

  private constructor(cert: string, subject: string, key: CryptoKey) {
    this.cert = cert;
    this.#subject = subject;
    this.#key = key;
  }

  /** Makes a new authority, valid for ten years. */
  static async make(commonName: string): Promise<KeyPair> {
    const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
    const now = Date.now();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...{ name: `CN=${commonName}`, serialNumber: '01', signingAlgorithm: EC, keys },
      ...{ notBefore: new Date(now - SKEW_MS), notAfter: new Date(now + AUTHORITY_MS) },
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { cert: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
  }

  /** Reads an authority; throws when the texts are not a certificate and its EC P-256 key. */
  static async read({ cert, key }: KeyPair): Promise<Signer> {
    const { subject } = new x509.X509Certificate(cert);
    const raw = x509.PemConverter.decodeFirst(key);
    return new Signer(cert, subject, await crypto.subtle.importKey('pkcs8', raw, EC, false, ['sign']));
  }

  /** A certificate for a new key. */
  async issue(wanted: Wanted): Promise<KeyPair> {
    const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
    return { cert: await this.#sign(keys.publicKey, wanted), key: await pemOf(keys.privateKey) };
  }

  /** A certificate for somebody's public key (PEM); throws when that is no EC P-256 key. */
  async certify(publicKey: string, wanted: Wanted): Promise<string> {
    const raw = x509.PemConverter.decodeFirst(publicKey);
    return this.#sign(await crypto.subtle.importKey('spki', raw, EC, true, ['verify']), wanted);
  }

  async #sign(publicKey: CryptoKey, { commonName, dns = [], forMs }: Wanted): Promise<string> {
    const now = Date.now();
    const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
    const certificate = await x509.X509CertificateGenerator.create({
      ...{ subject: [{ CN: [commonName] }], issuer: this.#subject, signingAlgorithm: EC },
      ...{ publicKey, signingKey: this.#key },
      ...{ notBefore: new Date(Math.min(now, now + forMs) - SKEW_MS), notAfter: new Date(now + forMs) },
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([dns.length === 0 ? clientAuth : serverAuth]),
        ...(dns.length === 0
          ? []
          : [new x509.SubjectAlternativeNameExtension(dns.map(value => ({ type: 'dns' as const, value })))]),
      ],
    });
    return certificate.toString('pem');
  }
}

async function pemOf(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
