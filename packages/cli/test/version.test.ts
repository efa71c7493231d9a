import { describe, expect, it } from 'vitest';
import { PLAIN } from '../src/output/paint.ts';
import { version } from '../src/verbs/version.ts';
import { VERSION } from '../src/version.ts';
import { fakeApi } from './fake-api.ts';
import { muslinctl } from './test-context.ts';

const information = (calicoVersion: string) => ({
  metadata: { name: 'default' },
  spec: { calicoVersion, clusterType: 'k8s,bgp' },
});
const mine = `muslinctl ${VERSION} (Node ${process.version})\n`;

describe('muslinctl version', () => {
  it('names this program alone without a cluster, and what a cluster runs', async () => {
    expect(await muslinctl(['version'])).toEqual({ code: 0, stdout: mine, stderr: '' });
    const api = await fakeApi({
      '/apis/projectcalico.org/v3/clusterinformations': [information('muslin-0.1')],
    });
    const args = ['version', '--kubeconfig', api.kubeconfig];
    try {
      expect((await muslinctl(args)).stdout).toBe(
        `${mine}server    v1.36.0\ncluster   muslin-0.1, k8s,bgp\n`,
      );
      expect((await muslinctl([...args, '--client'])).stdout).toBe(mine);
      expect(JSON.parse((await muslinctl([...args, '-o', 'json'])).stdout)).toEqual({
        ...{ client: VERSION, node: process.version, server: 'v1.36.0', cluster: 'muslin-0.1, k8s,bgp' },
      });
    } finally {
      await api.close();
    }
  });

  it('tells with --poll what changed, and nothing in between', async () => {
    const found = [information('1')];
    const api = await fakeApi({ '/apis/projectcalico.org/v3/clusterinformations': found });
    const told: string[] = [];
    const enough = new Error('enough');
    const options: Readonly<Record<string, string>> = { kubeconfig: api.kubeconfig, poll: '1ms' };
    try {
      const polling = version.run(
        {
          stdout: text => {
            told.push(text);
            if (told.length === 2) throw enough;
            // A few rounds without news come first.
            const rounds = api.reads.length + 6;
            void (async () => {
              while (api.reads.length < rounds) await new Promise(setImmediate);
              found[0] = information('2');
            })();
          },
          stderr: () => {},
          stdin: async function* () {},
          paint: PLAIN,
          now: () => new Date(0),
          env: {},
          fail: code => code,
        },
        { args: [], text: name => options[name], list: () => [], flag: () => false },
      );
      await expect(polling).rejects.toBe(enough);
      expect(told.map(text => /cluster +(\d)/.exec(text)?.[1])).toEqual(['1', '2']);
    } finally {
      await api.close();
    }
  });

  it.each(['soon', '-1s', '10d'])('refuses --poll=%s', async poll => {
    expect(await muslinctl(['version', `--poll=${poll}`])).toEqual({
      ...{ code: 2, stdout: '', stderr: `error: --poll ${poll}: write 10s, 5m or 1h; 0 asks once\n` },
    });
  });
});
