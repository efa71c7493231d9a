import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Name of the image that `writePauseImage` makes. */
export const PAUSE_IMAGE = 'muslin.test/pause:1';

/** A program that sleeps for ever, as a pod's first process does: machine code by ELF machine number. */
const SLEEP: Readonly<Record<string, { readonly machine: number; readonly code: string }>> = {
  // mov eax, 34 (pause); syscall; jmp back
  x64: { machine: 62, code: 'b8220000000f05ebf7' },
  // ppoll(NULL, 0, NULL, NULL): mov x0..x3, #0; mov x8, #73; svc #0; b back
  arm64: { machine: 183, code: '000080d2010080d2020080d2030080d2280980d2010000d4faffff17' },
};

/** Writes an image (docker archive) that holds nothing but a sleeping program; gives the file's path. */
export function writePauseImage(folder: string): string {
  const tree = `${folder}/tree`;
  const archive = `${folder}/archive`;
  for (const path of [tree, archive]) mkdirSync(path, { recursive: true });
  writeFileSync(`${tree}/pause`, sleepingProgram(process.arch), { mode: 0o755 });
  execFileSync('tar', ['--numeric-owner', '-cf', `${archive}/layer.tar`, '-C', tree, 'pause']);
  const layer = createHash('sha256')
    .update(readFileSync(`${archive}/layer.tar`))
    .digest('hex');
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Entrypoint: ['/pause'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  });
  writeFileSync(`${archive}/config.json`, config);
  const manifest = [{ Config: 'config.json', RepoTags: [PAUSE_IMAGE], Layers: ['layer.tar'] }];
  writeFileSync(`${archive}/manifest.json`, JSON.stringify(manifest));
  execFileSync('tar', ['-cf', `${folder}/pause.tar`, '-C', archive, '.']);
  return `${folder}/pause.tar`;
}

/** The smallest ELF64 file that the kernel runs: header, one program header, code (elf(5)). */
function sleepingProgram(arch: string): Buffer {
  const sleep = SLEEP[arch];
  if (sleep === undefined) throw new Error(`no sleeping program for ${arch}`);
  const code = Buffer.from(sleep.code, 'hex');
  const base = 0x400000n;
  const size = 120 + code.length;
  const bytes = Buffer.alloc(size);
  Buffer.from('7f454c46020101', 'hex').copy(bytes);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(sleep.machine, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(base + 120n, 24);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  // PT_LOAD, readable and executable.
  bytes.writeUInt32LE(1, 64);
  bytes.writeUInt32LE(5, 68);
  bytes.writeBigUInt64LE(base, 80);
  bytes.writeBigUInt64LE(base, 88);
  bytes.writeBigUInt64LE(BigInt(size), 96);
  bytes.writeBigUInt64LE(BigInt(size), 104);
  bytes.writeBigUInt64LE(0x1000n, 112);
  code.copy(bytes, 120);
  return bytes;
}
