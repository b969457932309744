import { expectNonNegative, expectThat } from '@scmoe/errors';

import type { ChunkContext, ChunkOverhead } from './ChunkAxis.js';

const names = [
  'overhead',
  'expertOverhead',
  'overheadInHalves',
  'expertOverheadInHalves',
] as const satisfies (keyof ChunkContext)[];

/** What parts of a backward pass depend on: what each costs there, where that is known to be another than forward. */
export function ofBackward<Context extends ChunkContext>(context: Context): Context {
  const own = names.flatMap((name) => (context[name]?.backward ? [[name, context[name].backward] as const] : []));
  return own.length === 0 ? context : { ...context, ...Object.fromEntries(own) };
}

/** What each part costs, of both passes; of what was measured in one alone, the same for the other. */
export function overheadOfPasses(
  forward: ChunkOverhead | undefined,
  backward: ChunkOverhead | undefined,
): ChunkOverhead | undefined {
  return forward && backward ? { ...forward, backward } : (forward ?? backward);
}

/** Checks what the parts of every axis cost. @throws ArgumentError for what is no time */
export function expectOverheads(context: ChunkContext): void {
  for (const name of names) if (context[name]) expectOverhead(name, context[name]);
}

/** Checks what a part costs. @throws ArgumentError for what is no time */
export function expectOverhead(
  what: string,
  { computeMs, communicationMs, computeRatio = 1, backward }: ChunkOverhead,
): void {
  expectNonNegative(`${what}.computeMs`, computeMs);
  expectNonNegative(`${what}.communicationMs`, communicationMs);
  const isRatio = computeRatio > 0 && computeRatio <= 1;
  expectThat(isRatio, `${what}.computeRatio`, 'a number above 0, at most 1', computeRatio);
  if (backward) expectOverhead(`${what}.backward`, backward);
}
