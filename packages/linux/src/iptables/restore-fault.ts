/** A restore that iptables refused. */
export interface RestoreFault {
  readonly code: 'refused-rule' | 'not-committed';
  /** The line of the input that it stopped at, from 1; absent when iptables did not say. */
  readonly line?: number;
  /** That line. */
  readonly text?: string;
  readonly message: string;
}

/** A fault when the input's last table lacks its COMMIT: a long-lived process would wait for it for ever. */
export function commitFault(input: string): RestoreFault | undefined {
  let open: number | undefined;
  const lines = input.split('\n');
  lines.forEach((line, i) => {
    if (line.startsWith('*')) open = i + 1;
    else if (line.trim() === 'COMMIT') open = undefined;
  });
  if (open === undefined && (input === '' || input.endsWith('\n'))) return undefined;
  if (open === undefined)
    return { code: 'not-committed', message: 'iptables input must end with a line break' };
  const text = lines[open - 1] as string;
  return {
    code: 'not-committed',
    line: open,
    text,
    message: `iptables input line ${open} opens ${text} but no COMMIT closes it`,
  };
}

/**
 * Reads the complaint of iptables-restore. The line number comes in several shapes: `line 3 failed`,
 * `line 3: RULE_APPEND failed`, `Error occurred at line: 3`.
 *
 * @param skipped lines that a long-lived process had read before this input
 */
export function restoreFault(input: string, stderr: string, skipped = 0): RestoreFault {
  const words = stderr
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('Try ') && !line.startsWith('# Warning'))
    .join('; ');
  const found = /\bline:? (\d+)/.exec(stderr)?.[1];
  if (found === undefined)
    return { code: 'refused-rule', message: words === '' ? 'iptables-restore failed silently' : words };
  const line = Number(found) - skipped;
  const text = input.split('\n')[line - 1];
  if (text === undefined) return { code: 'refused-rule', message: words };
  const numbered = words.replaceAll(new RegExp(`(\\bline:? )${found}\\b`, 'g'), `$1${line}`);
  return { code: 'refused-rule', line, text, message: `${numbered} (line ${line}: ${text})` };
}
