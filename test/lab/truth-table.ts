import { execa } from 'execa';

/** One line of a truth table: `storefront/web -> payments/api:8443/tcp allow`. */
export interface Row {
  readonly line: string;
  /** `namespace/pod`, a node's name, or `outside`. */
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly allow: boolean;
}

/** Where the ends of rows are: by the names that rows use. */
export type Places = ReadonlyMap<string, { readonly netns: string; readonly ip: string }>;

const ROW = /^(\S+)\s+->\s+(\S+):(\d+)\/(tcp|udp)\s+(allow|deny)$/;

/** Reads a table; empty lines and lines that begin with # are left out. */
export function readRows(text: string): readonly Row[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, from = '', to = '', port, protocol, answer] = ROW.exec(line) ?? [];
      if (answer === undefined) throw new Error(`not a row: ${line}`);
      const words = line.replace(/\s+/g, ' ');
      const udp = protocol === 'udp';
      return {
        line: words,
        from,
        to,
        port: Number(port),
        protocol: udp ? 'udp' : 'tcp',
        allow: answer === 'allow',
      };
    });
}

/**
 * Dials with nothing of ours: bash's /dev/tcp and /dev/udp in the namespace, one shell per source. Gives the rows that
 * did not answer as the table says. One character is read, as bash would lose the rest of a datagram. An allowed connection gets seconds (the machine may be busy), a denied one less.
 */
export async function wrongRows(rows: readonly Row[], places: Places): Promise<readonly string[]> {
  const bySource = Map.groupBy(rows, row => row.from);
  const rounds = await Promise.all(
    [...bySource].map(async ([from, list]) => {
      const lines = list.map((row, i) => {
        const seconds = row.allow ? 4 : 0.8;
        return `timeout ${seconds + 0.5} bash -c 'exec 3<>/dev/${row.protocol}/${place(places, row.to).ip}/${row.port} && echo ping >&3 && read -t ${seconds} -n 1 -u 3 first && [ "$first" = p ] && echo ${i}' 2>/dev/null &`;
      });
      const netns = place(places, from).netns;
      const script = `${lines.join('\n')}\nwait`;
      const done = await execa('ip', ['netns', 'exec', netns, 'bash', '-c', script], {
        reject: false,
        timeout: 30_000,
      });
      const answered = new Set((done.stdout ?? '').split('\n').filter(Boolean).map(Number));
      return list.filter((row, i) => answered.has(i) !== row.allow);
    }),
  );
  const wrong = new Set(rounds.flat());
  return rows.filter(row => wrong.has(row)).map(row => row.line);
}

function place(places: Places, name: string): { readonly netns: string; readonly ip: string } {
  const found = places.get(name);
  if (found === undefined) throw new Error(`the lab lists no ${name}`);
  return found;
}
