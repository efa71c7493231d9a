import type { Any } from './question.ts';
import { DEFINITIONS, pathOf } from './scenes/definitions.ts';
import { ZOO } from './scenes/zoo.ts';
import type { Server } from './server.ts';

const PATIENCE_MS = 20_000;

/** Makes all definitions, and waits until their objects are served. What stands in the way is thrown. */
export async function prepare(server: Server): Promise<void> {
  const definitions = [...DEFINITIONS, ZOO];
  for (const body of definitions) {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const made = await server.ask({ method: 'POST', path, body, headers: {}, events: undefined });
    if (made.code !== 201 && made.code !== 409)
      throw new Error(`${body.metadata.name}: ${made.body?.message ?? made.text}`);
  }
  for (const definition of definitions) await served(definition, server);
}

async function served(definition: Any, server: Server): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const call = { method: 'GET', path: pathOf(definition), body: undefined, headers: {}, events: undefined };
    if ((await server.ask(call)).code === 200) return;
    if (Date.now() > end) throw new Error(`${definition.metadata.name} is not served.`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
