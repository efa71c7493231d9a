/** Why a file, or a document in it, could not be read. */
export interface FileFault {
  readonly code: 'not-readable' | 'too-big' | 'not-yaml' | 'too-deep' | 'too-many-aliases';
  readonly file: string;
  readonly line?: number;
  readonly message: string;
}

/** `deploy/web.yaml:12: …`, as compilers write it. */
export function formatFileFault({ file, line, message }: FileFault): string {
  return line === undefined ? `${file}: ${message}` : `${file}:${line}: ${message}`;
}
