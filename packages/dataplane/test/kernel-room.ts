import { execFileSync } from 'node:child_process';

/** A network namespace of its own, with the commands of one iptables back end. */
export class KernelRoom {
  readonly name: string;
  readonly #variant: 'nft' | 'legacy';

  constructor(name: string, variant: 'nft' | 'legacy') {
    this.name = `msl-t-dp-${name}-${process.pid}`;
    this.#variant = variant;
    execFileSync('ip', ['netns', 'add', this.name]);
  }

  close(): void {
    execFileSync('ip', ['netns', 'delete', this.name]);
  }

  /** Runs a command inside; throws with its stderr when it fails. */
  run(words: readonly string[], input = ''): string {
    return execFileSync('ip', ['netns', 'exec', this.name, ...words], {
      input,
      encoding: 'utf8',
      timeout: 20_000,
      maxBuffer: 1 << 26,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  restore(family: 4 | 6, input: string): void {
    if (input !== '') this.run([`${this.#tool(family)}-restore`, '--noflush', '-w', '5'], input);
  }

  save(family: 4 | 6): string {
    return this.run([`${this.#tool(family)}-save`]);
  }

  iptables(family: 4 | 6, ...words: readonly string[]): void {
    this.run([this.#tool(family), '-w', '5', ...words]);
  }

  ipset(input: string): void {
    if (input !== '') this.run(['ipset', 'restore', '-exist'], input);
  }

  nft(input: string): void {
    if (input !== '') this.run(['nft', '-f', '-'], input);
  }

  /** Our table as JSON; empty text when there is none. */
  nftList(family: 4 | 6): string {
    try {
      return this.run(['nft', '-j', 'list', 'table', family === 4 ? 'ip' : 'ip6', 'muslin']);
    } catch (error) {
      if (String(error).includes('No such file or directory')) return '';
      throw error;
    }
  }

  ipsetSave(): string {
    return this.run(['ipset', 'save']);
  }

  #tool(family: 4 | 6): string {
    return `${family === 4 ? 'iptables' : 'ip6tables'}-${this.#variant}`;
  }
}
