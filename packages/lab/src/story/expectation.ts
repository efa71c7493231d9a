import type { Cell } from '../matrix.ts';

/** A line `# expect: shop/web -> shop/api:8080/tcp allow` of an example: about all pods of two roles. */
export interface Expectation {
  readonly line: string;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly allow: boolean;
}

const LINE = /^#\s*expect:\s*(\S+)\s*->\s*([^\s:]+):(\d+)\/(tcp|udp)\s+(allow|deny)\s*$/;

/** Reads the expectations in the comments of an example; a line that says `expect:` but can't be read throws. */
export function readExpectations(text: string): readonly Expectation[] {
  return text
    .split('\n')
    .filter(line => /^#\s*expect:/.test(line))
    .map(line => {
      const match = LINE.exec(line);
      if (match === null) throw new Error(`not an expectation: ${line}`);
      const [, from = '', to = '', port, protocol, answer] = match;
      return {
        line: line.replace(/^#\s*expect:\s*/, ''),
        from,
        to,
        port: Number(port),
        protocol: protocol === 'udp' ? 'UDP' : 'TCP',
        allow: answer === 'allow',
      };
    });
}

/** The probes that an expectation speaks of: pods `namespace/role-N`, never a pod to itself. */
export function cellsOf(expectation: Expectation, cells: readonly Cell[]): readonly Cell[] {
  const role = (pod: string) => pod.replace(/-\d+$/, '');
  return cells.filter(
    c =>
      role(c.from) === expectation.from &&
      role(c.to) === expectation.to &&
      c.port === expectation.port &&
      c.protocol === expectation.protocol &&
      c.from !== c.to,
  );
}
