import { createInterface } from 'node:readline';
import { Bed } from './bed.ts';
import type { OurPlan, OurRequest } from './speaker-request.ts';

/** Our side of a cell: plans as JSON in the first argument; one request per line in, one answer per line out. */
const plans = JSON.parse(process.argv[2] ?? '[]') as readonly OurPlan[];
const beds = new Map<string, Bed>();
for (const plan of plans) {
  const bed = new Bed(plan);
  beds.set(plan.name, bed);
  await bed.start(plan);
}
for await (const line of createInterface({ input: process.stdin })) {
  const { speaker, ...request } = JSON.parse(line) as OurRequest & { readonly speaker: string };
  const answer = await beds.get(speaker)?.answer(request as OurRequest);
  process.stdout.write(`${JSON.stringify(answer ?? null)}\n`);
}
process.exit(0);
