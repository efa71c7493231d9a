import type { KubeFault } from '@muslin/kube';
import { describe, expect, it } from 'vitest';
import { causesOf, faultText } from '../src/live/fault-text.ts';

const request = 'GET /apis/projectcalico.org/v3/ippools';
const answered = (code: string, status: number, reason: string, words: string) =>
  ({ code, status, reason, request, message: `${request}: ${status} ${reason}: ${words}` }) as KubeFault;
const silent = (reason: string, words: string) =>
  ({ code: 'Unreachable', reason, request, message: `${request}: ${words}` }) as KubeFault;

describe('what went wrong with the API server', () => {
  it.each([
    [
      'a refusal is told in the words of the server',
      answered('Forbidden', 403, 'Forbidden', 'User "bob" cannot list resource "ippools"'),
      'User "bob" cannot list resource "ippools"',
    ],
    [
      'what is wrong with an object, each once, and not that rules wait for it',
      {
        ...answered(
          'Invalid',
          422,
          'Invalid',
          'Pool "a" is invalid: [spec.b: bad, spec.b: bad, <nil>: later]',
        ),
        details: {
          causes: [
            { field: 'spec.b', message: 'bad' },
            { field: 'spec.b', message: 'bad' },
            { field: 'spec.c', message: 'worse' },
            {
              field: '<nil>',
              message:
                'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
            },
          ],
        },
      } as KubeFault,
      'Pool "a" is invalid: spec.b: bad; spec.c: worse',
    ],
    [
      'a server that failed is named as that, with what was asked',
      answered('Other', 500, 'InternalError', 'etcd is away'),
      `${request}: 500 InternalError: etcd is away`,
    ],
    [
      'credentials that nobody knows',
      answered('Unauthorized', 401, 'Unauthorized', 'Unauthorized'),
      `${request}: 401 Unauthorized: Unauthorized. The API server does not accept the credentials of the kubeconfig: they may have run out, or be another cluster's`,
    ],
    [
      'nobody who listens',
      silent('ECONNREFUSED', 'connect ECONNREFUSED 192.0.2.1:6443'),
      `${request}: connect ECONNREFUSED 192.0.2.1:6443. No API server answers there: is it up, and is the address in the kubeconfig right?`,
    ],
    [
      'a certificate of somebody else',
      silent('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'),
      `${request}: self-signed certificate. The API server's certificate is not trusted: is certificate-authority in the kubeconfig the one of this cluster?`,
    ],
  ])('%s', (_, fault, text) => {
    expect(faultText(fault)).toBe(text);
  });

  it('a shape that server-side apply refuses with a 500 is a fault of fields', () => {
    const why =
      'failed to create typed patch object (/m; projectcalico.org/v3, Kind=BGPPeer): errors:\n' +
      '  .spec.asNumber: expected numeric (int or float), got string\n  .spec.bogus: field not declared in schema';
    expect(causesOf(answered('Other', 500, 'InternalError', why))).toEqual([
      { field: 'spec.asNumber', message: 'must be a number' },
      { field: 'spec.bogus', message: 'there is no such field' },
    ]);
    expect(causesOf(answered('Other', 500, 'InternalError', 'etcd is away'))).toEqual([]);
  });
});
