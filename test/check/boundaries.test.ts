import { describe, expect, it } from 'vitest';
import { violations } from './boundaries.ts';
import { ROOMS } from './rooms.ts';

const judge = (file: string, text: string) => violations(new Map([[file, text]]), ROOMS).map(v => v.message);

describe('the boundary check', () => {
  it('lets a room stand on what is below it', () => {
    expect(
      judge(
        'packages/policy/src/a.ts',
        "import type { Policy } from '@muslin/api';\nexport * from './b.ts';",
      ),
    ).toEqual([]);
    expect(judge('packages/agent/src/a.ts', "import { execFile } from 'node:child_process';")).toEqual([]);
  });

  it.each([
    ['a room beside it', 'packages/policy/src/a.ts', "import { x } from '@muslin/dataplane';"],
    ['a room above it', 'packages/net/src/a.ts', "import { x } from '@muslin/api';"],
    ['another program', 'packages/agent/src/a.ts', "import { x } from '@muslin/speaker';"],
    ['a file inside another room', 'packages/agent/src/a.ts', "import { x } from '@muslin/net/src/ip.ts';"],
    ['a file outside its folder', 'packages/agent/src/a.ts', "import { x } from '../../net/src/ip.ts';"],
    ['Node in a pure room', 'packages/bgp/src/a.ts', "import net from 'node:net';"],
    ['Node in a pure room, loaded late', 'packages/bgp/src/a.ts', "const net = await import('node:net');"],
    ['a library that is not on its list', 'packages/policy/src/a.ts', "import z from 'zod';"],
    ['a side-effect import', 'packages/policy/src/a.ts', "import 'zod';"],
    ['anything from a room that is not drawn', 'packages/cellar/src/a.ts', ''],
  ])('refuses %s', (_what, file, text) => {
    expect(judge(file, text)).toHaveLength(1);
  });

  it('does not read texts as imports', () => {
    const text =
      "const side = egress ? 'from' : 'to';\nconst said = `taken from '`;\nlog('export it from', 'zod');";
    expect(judge('packages/policy/src/a.ts', text)).toEqual([]);
  });

  it('reads imports that go over several lines', () => {
    expect(
      judge('packages/policy/src/a.ts', "import {\n  type A,\n  b,\n} from '@muslin/bgp';"),
    ).toHaveLength(1);
    expect(judge('packages/policy/src/a.ts', "export type * from '@muslin/bgp';")).toHaveLength(1);
  });

  it('does not read comments as imports', () => {
    expect(judge('packages/net/src/a.ts', "/** import x from 'zod' */\n// from 'zod'\nexport {};")).toEqual(
      [],
    );
  });
});
