import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { field, fieldsOf, message } from './protobuf.ts';

const SERVICE = '/runtime.v1.RuntimeService/';

/** A pod as the kubelet asks the runtime for it. */
export interface CriPod {
  readonly name: string;
  readonly uid: string;
  readonly ports?: readonly { readonly hostPort: number; readonly containerPort: number }[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** A pod whose sandbox died gets another. */
  readonly attempt?: number;
}

/** A kubelet's side of the Container Runtime Interface (cri-api runtime/v1), over gRPC. */
export class CriClient {
  readonly #session: ClientHttp2Session;

  constructor(path: string) {
    this.#session = connect('http://localhost', { createConnection: () => connectSocket(path) });
  }

  /** The sandbox' ID. */
  async run({ name, uid, ports = [], annotations = {}, attempt = 0 }: CriPod): Promise<string> {
    const metadata = message(field(1, name), field(2, uid), field(3, 'shop'), field(4, attempt));
    const mappings = ports.map(({ hostPort, containerPort }) =>
      field(5, message(field(2, containerPort), field(3, hostPort))),
    );
    const notes = Object.entries(annotations).map(([key, value]) =>
      field(7, message(field(1, key), field(2, value))),
    );
    const security = message(field(1, message()));
    const linux = message(field(2, security));
    const config = message(field(1, metadata), field(2, name), ...mappings, ...notes, field(8, linux));
    const answer = await this.#call('RunPodSandbox', message(field(1, config)));
    return String(answer.get(1)?.[0]);
  }

  /** The addresses that the runtime tells the kubelet. */
  async ipsOf(id: string): Promise<readonly string[]> {
    const answer = await this.#call('PodSandboxStatus', message(field(1, id)));
    const status = fieldsOf(answer.get(1)?.[0] as Buffer);
    const network = fieldsOf(status.get(5)?.[0] as Buffer);
    const more = (network.get(2) ?? []).map(each => String(fieldsOf(each as Buffer).get(1)?.[0]));
    return [String(network.get(1)?.[0]), ...more];
  }

  /** All sandboxes that it remembers. */
  async list(): Promise<readonly string[]> {
    const answer = await this.#call('ListPodSandbox', message());
    return (answer.get(1) ?? []).map(each => String(fieldsOf(each as Buffer).get(1)?.[0]));
  }

  async stop(id: string): Promise<void> {
    await this.#call('StopPodSandbox', message(field(1, id)));
  }

  async remove(id: string): Promise<void> {
    await this.#call('RemovePodSandbox', message(field(1, id)));
  }

  close(): void {
    this.#session.destroy();
  }

  #call(method: string, body: Buffer): ReturnType<typeof callOver> {
    return callOver(this.#session, method, body);
  }
}

/** One gRPC call without streams: five bytes before the message, the status in the trailers. */
function callOver(session: ClientHttp2Session, method: string, body: Buffer) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return new Promise<ReturnType<typeof fieldsOf>>((resolve, reject) => {
    const stream = session.request({
      ...{ ':method': 'POST', ':path': `${SERVICE}${method}` },
      ...{ 'content-type': 'application/grpc', te: 'trailers' },
    });
    const chunks: Buffer[] = [];
    let status: readonly [unknown, unknown] = [undefined, undefined];
    const note = (headers: Readonly<Record<string, unknown>>) => {
      if (headers['grpc-status'] !== undefined) status = [headers['grpc-status'], headers['grpc-message']];
    };
    stream.on('response', note).on('trailers', note).on('error', reject);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('close', () => {
      if (status[0] === '0') resolve(fieldsOf(Buffer.concat(chunks).subarray(5)));
      else reject(new Error(`${method}: ${status[0]} ${decodeURIComponent(String(status[1] ?? ''))}`));
    });
    stream.end(Buffer.concat([head, body]));
  });
}
