import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { identify, isAlive, signal } from '../src/process-id.ts';

describe('a process number with its start time', () => {
  it('is alive while the process is, and takes signals for it alone', async () => {
    // A name that looks like the fields of /proc/PID/stat that follow it.
    const script = 'printf "odd) S 1 (" > /proc/$$/comm; echo ready; read -t 60';
    const child = spawn('bash', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    const id = identify(child.pid ?? 0);
    expect(id).toEqual({ pid: child.pid, start: expect.stringMatching(/^[0-9]{3,}$/) });
    if (id === undefined) return;
    expect(isAlive(id)).toBe(true);
    const successor = { ...id, start: String(Number(id.start) + 1) };
    expect(isAlive(successor)).toBe(false);
    expect(signal(successor, 'SIGKILL')).toBe(false);
    expect(isAlive(id)).toBe(true);
    expect(signal(id, 'SIGKILL')).toBe(true);
    await once(child, 'exit');
    expect(isAlive(id)).toBe(false);
    expect(signal(id, 'SIGKILL')).toBe(false);
  });

  it('does not exist for nobody', () => {
    expect(identify(2 ** 22 + 1)).toBeUndefined();
    expect(identify(Number.NaN)).toBeUndefined();
  });
});
