import { fail, ok, type Result } from '@muslin/net';
import { isRecord } from '../files/json.ts';
import { parseFlowEnd, type NamedEnd } from './flow-end.ts';
import { hasPorts, protocolNumber } from './protocol.ts';

/** One line of a flow file. Fields that are not named here are kept out. */
export interface FlowLine {
  readonly from: NamedEnd;
  readonly to: NamedEnd;
  /** As the line says them, for the answer. */
  readonly fromText: string;
  readonly toText: string;
  /** Absent for protocols without ports. */
  readonly port?: number;
  readonly protocol: number;
}

/** Why a line is no flow, with what of it could be read. */
export interface FlowLineFault {
  readonly from: string | null;
  readonly to: string | null;
  readonly message: string;
}

/** Reads `{"from":"ns/pod"|"IP","to":…,"port":N,"protocol":"TCP"|"UDP"|"SCTP"}`; the protocol is TCP when absent. */
export function parseFlowLine(line: string): Result<FlowLine, FlowLineFault> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return fail({ from: null, to: null, message: 'not JSON' });
  }
  if (!isRecord(value)) return fail({ from: null, to: null, message: 'not a JSON object' });
  // A copy without a prototype: only what the line itself says counts.
  const own: Readonly<Record<string, unknown>> = Object.assign(Object.create(null), value);
  const { from: fromField, to: toField, port, protocol: protocolField } = own;
  const [fromText, toText] = [textOf(fromField), textOf(toField)];
  const bad = (message: string) => fail({ from: fromText, to: toText, message });
  if (fromText === null) return bad('from must be "namespace/pod" or an IP address');
  if (toText === null) return bad('to must be "namespace/pod" or an IP address');
  const from = parseFlowEnd(fromText, undefined);
  if (!from.ok) return bad(`from: ${from.fault}`);
  if (from.value.kind === 'service') return bad('from: a Service opens no connections; name a pod');
  const to = parseFlowEnd(toText, undefined);
  if (!to.ok) return bad(`to: ${to.fault}`);
  const named = protocolField ?? 'TCP';
  const protocol = typeof named === 'string' ? protocolNumber(named) : undefined;
  if (protocol === undefined) return bad(`protocol must be TCP, UDP or SCTP, not ${JSON.stringify(named)}`);
  if (!hasPorts(protocol)) return ok({ from: from.value, to: to.value, fromText, toText, protocol });
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535)
    return bad(
      `port must be a number from 1 to 65535${port === undefined ? '' : `, not ${JSON.stringify(port)}`}`,
    );
  return ok({ from: from.value, to: to.value, fromText, toText, port, protocol });
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
