import { describe, expect, it } from 'vitest';
import { readOptions, USAGE } from '../src/options.ts';

const DEFAULTS = {
  verb: 'up',
  words: [],
  id: 'lab',
  nodes: 3,
  pods: 12,
  tor: 'bird',
  dataplane: 'auto',
  overlay: 'none',
  family: 'ipv4',
  fanout: false,
  json: false,
  once: false,
  keep: false,
  quiet: false,
};

describe('the command line of the lab', () => {
  it.each([
    [[], {}],
    [['up'], {}],
    [['ls', '--json'], { verb: 'ls', json: true }],
    [
      ['exec', '--id', 'x1', 'shop/web-1', '--', 'ip', '-4', 'route'],
      { verb: 'exec', id: 'x1', words: ['shop/web-1', 'ip', '-4', 'route'] },
    ],
    [['--clean', '--id', 'x1'], { verb: 'clean', id: 'x1' }],
    [['clean'], { verb: 'clean' }],
    [['--nodes', '50', '--pods', '500'], { nodes: 50, pods: 500 }],
    [['--nodes=1', '--pods=0'], { nodes: 1, pods: 0 }],
    [['--tor', 'gobgp', '--once', '--json'], { tor: 'gobgp', once: true, json: true }],
    [['--bare', '--pods', '7'], { quiet: true, pods: 0 }],
    [['--overlay', 'vxlan'], { overlay: 'vxlan', tor: 'none' }],
    [['--keep'], { keep: true }],
    [['--family', 'dual'], { family: 'dual' }],
    [['--family', 'dual', '--overlay', 'vxlan'], { family: 'dual', overlay: 'vxlan', tor: 'none' }],
  ])('%j is understood', (args, wanted) => {
    expect(readOptions(args)).toEqual({ ...DEFAULTS, ...wanted });
  });

  it.each([
    [['--nodes', '0'], '--nodes takes a whole number from 1 to 50, not "0"'],
    [['--nodes', '51'], '--nodes takes a whole number from 1 to 50, not "51"'],
    [['--nodes', '2.5'], '--nodes takes a whole number from 1 to 50, not "2.5"'],
    [['--pods', '-1'], 'pods'],
    [['--pods', '1e2'], '--pods takes a whole number from 0 to 500, not "1e2"'],
    [['--pods', '501'], '--pods takes a whole number from 0 to 500, not "501"'],
    [['--tor', 'quagga'], '--tor takes bird, frr, gobgp or none, not "quagga"'],
    [['--overlay', 'geneve'], '--overlay takes none, vxlan or vxlan-cross-subnet, not "geneve"'],
    [['--family', 'ipv6'], '--family takes ipv4 or dual, not "ipv6"'],
    [['--id', 'TooLoud'], '--id takes 1 to 8 small letters or digits, not "TooLoud"'],
    [['--id', '../../etc'], '--id takes 1 to 8 small letters or digits, not "../../etc"'],
    [['--id', 'ninechars'], '--id takes 1 to 8 small letters or digits'],
    [['--id', ''], '--id takes 1 to 8 small letters or digits'],
    [['--once', '--keep'], 'choose one'],
    [['dance'], 'unknown command "dance"'],
    [['exec'], 'exec needs to know where'],
    [['ls', 'up'], 'unknown command "ls up"'],
    [['--nope'], 'nope'],
  ])('%j is refused in one sentence', (args, words) => {
    const answer = readOptions(args);
    expect(typeof answer).toBe('string');
    expect(answer).toContain(words);
  });

  it('--help gives the usage, which names every option', () => {
    expect(readOptions(['--help'])).toBe(USAGE);
    expect(readOptions(['-h'])).toBe(USAGE);
    for (const option of ['nodes', 'pods', 'tor', 'family', 'once', 'keep', 'bare', 'json', 'id', 'clean'])
      expect(USAGE).toContain(`--${option}`);
  });
});
