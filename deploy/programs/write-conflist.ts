import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const USAGE = `write-conflist --file FILE --plugins DIR [--mtu N]
  writes the network configuration that the container runtime reads
`;

/**
 * The configuration (CNI 1.1 §1). `cniVersions` lets new runtimes ask STATUS before the first pod, and old ones read
 * 1.0.0. portmap serves hostPorts where the node has that plugin; a chain with a missing plugin would stop every pod.
 */
export function conflist(options: { readonly mtu: number; readonly portmap: boolean }): object {
  return {
    cniVersion: '1.0.0',
    cniVersions: ['1.0.0', '1.1.0'],
    name: 'k8s-pod-network',
    plugins: [
      { type: 'muslin', ...(options.mtu === 0 ? {} : { mtu: options.mtu }) },
      ...(options.portmap ? [{ type: 'portmap', snat: true, capabilities: { portMappings: true } }] : []),
    ],
  };
}

/** Undefined when done, else the sentence to end with. */
function main(): string | undefined {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({ options: { file: text, plugins: text, mtu: text } });
    const { file, plugins, mtu = '0' } = values;
    if (file === undefined || plugins === undefined || !/^\d{1,5}$/.test(mtu)) return USAGE;
    const portmap = existsSync(`${plugins}/portmap`);
    // The runtime reads the folder at any moment: it must never see half a file, nor a second one that counts.
    const half = `${file}.muslin-new`;
    writeFileSync(half, `${JSON.stringify(conflist({ mtu: Number(mtu), portmap }), null, 2)}\n`);
    renameSync(half, file);
    process.stdout.write(
      `${file}: muslin${portmap ? ', portmap (hostPorts)' : '; no portmap plugin, so no hostPorts'}\n`,
    );
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
