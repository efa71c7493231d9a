import { renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const USAGE = `write-conflist --file FILE [--mtu N]
  writes the network configuration that the container runtime reads
`;

/**
 * The configuration (CNI 1.1 §1). `cniVersions` lets new runtimes ask STATUS before the first pod, and old ones read
 * 1.0.0. Muslin serves hostPorts itself, so nothing need be chained: a chain with a missing plugin would stop every pod.
 */
export function conflist({ mtu }: { readonly mtu: number }): object {
  return {
    cniVersion: '1.0.0',
    cniVersions: ['1.0.0', '1.1.0'],
    name: 'k8s-pod-network',
    plugins: [
      {
        type: 'muslin',
        ...(mtu === 0 ? {} : { mtu }),
        capabilities: { portMappings: true, bandwidth: true, ips: true, mac: true },
      },
    ],
  };
}

/** Undefined when done, else the sentence to end with. */
function main(): string | undefined {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({ options: { file: text, mtu: text } });
    const { file, mtu = '0' } = values;
    if (file === undefined || !/^\d{1,5}$/.test(mtu)) return USAGE;
    // The runtime reads the folder at any moment: it must never see half a file, nor a second one that counts.
    const half = `${file}.muslin-new`;
    writeFileSync(half, `${JSON.stringify(conflist({ mtu: Number(mtu) }), null, 2)}\n`);
    renameSync(half, file);
    process.stdout.write(`${file}: muslin\n`);
    return undefined;
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
}

if (import.meta.main) {
  const complaint = main();
  if (complaint !== undefined) {
    process.stderr.write(complaint);
    process.exitCode = 2;
  }
}
