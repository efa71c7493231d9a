/** Any JSON; questions look into earlier answers freely. */
// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
export type Any = any;

/** What a server answered, as it came. */
export interface RawAnswer {
  readonly code: number;
  readonly contentType: string;
  readonly warnings: readonly string[];
  /** Parsed JSON; undefined when the answer is none. */
  readonly body: Any;
  readonly text: string;
  /** Of a watch: each line, parsed. */
  readonly events?: readonly Any[];
}

/** The answers so far, by the name of their question. */
export type Seen = (say: string) => Any;

/** One request of a scene. */
export interface Question {
  /** Its name, unique in the scene: what is asked, in a few words. */
  readonly say: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  readonly path: string | ((seen: Seen) => string);
  /** JSON, or text as it is. */
  readonly body?: unknown | ((seen: Seen) => unknown);
  readonly headers?: Readonly<Record<string, string>>;
  /** A watch: it is read until so many events came, or the server ends it. */
  readonly events?: number;
  /** Asked again until the answer is of this code: what a server does in the background takes its time. */
  readonly until?: number;
  /** Only code, faults and what the server added to the body are of interest. */
  readonly brief?: boolean;
  /** managedFields are part of the answer. */
  readonly managed?: boolean;
}

/** Requests that belong together, in their order. */
export interface Scene {
  readonly name: string;
  readonly questions: readonly Question[];
}
