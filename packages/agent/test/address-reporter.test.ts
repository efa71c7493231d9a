import { fail, mustIp, ok } from '@muslin/net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AddressLedger, type LedgerEntry } from '../src/ipam/address-ledger.ts';
import { AddressReporter, addressStatus } from '../src/ipam/address-reporter.ts';
import type { Sighted } from '../src/ipam/address-witness.ts';

const POD = { namespace: 'web', name: 'p', uid: 'u1' };

describe('the ledger', () => {
  const logged: LedgerEntry[] = [];
  const ledger = new AddressLedger(entry => logged.push(entry));

  test('says what happened to which address, to whom and why', () => {
    ledger.record({
      ...{ what: 'assigned', ips: [mustIp('10.0.0.1')], handleId: 'net.c1', pod: POD },
      why: 'own-block 10.0.0.0/26 of default',
    });
    expect(ledger.entries).toMatchObject([
      {
        ...{ what: 'assigned', ips: ['10.0.0.1'], handle: 'net.c1', who: 'web/p', uid: 'u1' },
        why: 'own-block 10.0.0.0/26 of default',
      },
    ]);
  });

  test('is bounded, the oldest goes first, and the log has them all', () => {
    for (let i = 0; i < 200; i++)
      ledger.record({ what: 'refused', ips: [], handleId: `net.${i}`, why: 'x'.repeat(5_000) });
    expect(ledger.entries).toHaveLength(128);
    expect(ledger.entries[0]?.handle).toBe('net.72');
    expect(ledger.entries.at(-1)?.why).toHaveLength(1_024);
    expect(logged).toHaveLength(201);
  });
});

describe('the reporter of addresses', () => {
  interface Written {
    readonly metadata: object;
    readonly status?: {
      readonly addresses: readonly string[];
      readonly conditions: readonly object[];
      readonly ledger: readonly object[];
    };
  }
  const bodies: Written[] = [];
  const log: string[] = [];
  const ledger = new AddressLedger(() => {});
  let sees: () => ReturnType<typeof fail<string>> | { ok: true; value: Sighted };
  let fault: { readonly code: string; readonly message: string } | undefined;
  const client = {
    patch: (_: unknown, __: unknown, { body }: { body: unknown }) => {
      if (fault === undefined) bodies.push(body as Written);
      return Promise.resolve(fault === undefined ? ok({}) : fail(fault));
    },
  };
  let reporter: AddressReporter;
  const statuses = () => bodies.flatMap(({ status }) => status ?? []);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
    bodies.length = 0;
    log.length = 0;
    fault = undefined;
    sees = () => ok({ addresses: ['10.0.0.1'], doubt: undefined });
    reporter = new AddressReporter({
      ...{ client: client as never, node: 'n1', ledger, nodeUid: () => 'uid-n1' },
      ...{ look: () => sees(), log: line => void log.push(line) },
    });
    reporter.poke();
  });
  afterEach(() => {
    reporter.stop();
    vi.useRealTimers();
  });

  test('makes its object, which goes with the Node, and says what it has', async () => {
    await vi.advanceTimersByTimeAsync(1);
    expect(bodies[0]?.metadata).toMatchObject({ ownerReferences: [{ kind: 'Node', uid: 'uid-n1' }] });
    expect(statuses()).toMatchObject([
      { addresses: ['10.0.0.1'], conditions: [{ type: 'Complete', status: 'True' }] },
    ]);
  });

  test('writes a burst of changes once in ten seconds, and nothing while nothing changes', async () => {
    await vi.advanceTimersByTimeAsync(1);
    for (let i = 0; i < 50; i++) ledger.record({ what: 'assigned', ips: [], handleId: `h${i}`, why: 'x' });
    await vi.advanceTimersByTimeAsync(9_000);
    expect(statuses()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(statuses()).toHaveLength(2);
    expect(statuses()[1]?.ledger).toHaveLength(50);
    await vi.advanceTimersByTimeAsync(200_000);
    expect(statuses()).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(statuses()).toHaveLength(3);
  });

  test('says that it is in doubt when the kernel does not answer, and keeps what it said', async () => {
    await vi.advanceTimersByTimeAsync(1);
    sees = () => fail('no answer');
    await vi.advanceTimersByTimeAsync(10_001);
    expect(statuses().at(-1)).toMatchObject({
      addresses: ['10.0.0.1'],
      conditions: [{ status: 'False', message: "the kernel can't be read: no answer" }],
    });
  });

  test('looks again before it tries again: what it tells is never older than the try', async () => {
    fault = { code: 'Unreachable', message: 'away' };
    await vi.advanceTimersByTimeAsync(25_000);
    expect(log).toEqual(["which addresses this node has can't be told: away"]);
    fault = undefined;
    sees = () => ok({ addresses: ['10.0.0.9'], doubt: undefined });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(statuses()).toMatchObject([{ addresses: ['10.0.0.9'] }]);
  });
});

test('whether tunnels stand is told where they are asked for, with what keeps them', () => {
  const look = ok({ addresses: [], doubt: undefined });
  const conditions = (overlay?: { well: boolean; message: string }) =>
    addressStatus(look, { entries: [] }, {}, new Date(0), { overlay }).conditions?.map(
      ({ type, status, reason, message }) => [type, status, reason, message],
    );
  expect(conditions()).toHaveLength(1);
  expect(conditions({ well: true, message: 'vxlan.muslin' })?.[1]).toEqual([
    ...['Overlay', 'True', 'Stands', 'vxlan.muslin'],
  ]);
  expect(conditions({ well: false, message: 'this kernel has no WireGuard' })?.[1]).toEqual([
    ...['Overlay', 'False', 'Trouble', 'this kernel has no WireGuard'],
  ]);
});
