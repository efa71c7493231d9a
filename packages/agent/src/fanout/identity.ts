import { readFileSync } from 'node:fs';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { decodeCertificate, encodeEnrolment, FANOUT_PROTOCOL, LineSplitter } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';

/** Where the controllers are. */
export interface StreamTarget {
  readonly host: string;
  readonly port: number;
  /** Name in the certificate of controllers. */
  readonly serverName: string;
}

/** What this node shows, and whose controllers it believes; PEM. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Gives what the next connection shows; a sentence when it can't. */
export type Identity = () => Promise<Result<Credentials, string>>;

/** PEM files that somebody else makes; read at each connection, so that they may be renewed. */
export function fileIdentity(files: Credentials): Identity {
  return async () => {
    const read = (file: string) => readFileSync(file, 'utf8');
    try {
      return ok({ cert: read(files.cert), key: read(files.key), ca: read(files.ca) });
    } catch (error) {
      return fail(`its certificate files can't be read: ${(error as Error).message}`);
    }
  };
}

/** From here on to its end a certificate is old: the next connection asks for a new one. */
const OLD = 1 / 3;

/**
 * A certificate that the controllers give to whoever shows this node's token (files: the token and the controllers'
 * authority, both read anew each time). Its key never leaves this process.
 */
export function enrolledIdentity(
  node: string,
  target: StreamTarget,
  files: { readonly token: string; readonly ca: string },
  now: () => number = Date.now,
): Identity {
  let held: (Credentials & { readonly oldAt: number }) | undefined;
  return async () => {
    let ca: string;
    let token: string;
    try {
      ca = readFileSync(files.ca, 'utf8');
      token = readFileSync(files.token, 'utf8').trim();
    } catch (error) {
      return fail(`its token and the authority of controllers can't be read: ${(error as Error).message}`);
    }
    if (held !== undefined && held.ca === ca && now() < held.oldAt) return ok(held);
    const { publicKey, privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const cert = await askForCertificate(target, ca, { protocol: FANOUT_PROTOCOL, node, token, publicKey });
    if (!cert.ok) return cert;
    const oldAt = oldAtOf(cert.value, now());
    if (oldAt === undefined) return fail('what the controller gave is no certificate');
    held = { ca, cert: cert.value, key: privateKey, oldAt };
    return ok(held);
  };
}

function oldAtOf(cert: string, now: number): number | undefined {
  try {
    const end = new X509Certificate(cert).validToDate.getTime();
    return end - (end - now) * OLD;
  } catch {
    return undefined;
  }
}

const ANSWER_MS = 10_000;
const ANSWER_BYTES = 16 << 10;

function askForCertificate(
  { host, port, serverName }: StreamTarget,
  ca: string,
  enrolment: Parameters<typeof encodeEnrolment>[0],
): Promise<Result<string, string>> {
  return new Promise(resolve => {
    const socket = connect({ host, port, servername: serverName, minVersion: 'TLSv1.3', ca });
    const lines = new LineSplitter(ANSWER_BYTES);
    const end = (answer: Result<string, string>) => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(ANSWER_MS, () => end(fail('no certificate came within 10 seconds')));
    socket.on('secureConnect', () => socket.write(encodeEnrolment(enrolment)));
    socket.on('data', (chunk: Buffer) => {
      const [step] = lines.push(chunk);
      if (step === undefined) return;
      if ('tooLong' in step) return end(fail('the answer is longer than any certificate'));
      const read = decodeCertificate(step.line);
      end(read.ok ? read : fail(read.fault.message));
    });
    socket.on('error', error => end(fail(error.message)));
    socket.on('close', () => end(fail('the controller closed the connection')));
  });
}
