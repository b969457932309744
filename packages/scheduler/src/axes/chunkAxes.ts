import type { ChunkAxis, ChunkContext, ChunkOverhead } from './ChunkAxis.js';
import { expertAxis } from './expertAxis.js';
import { halfAxis } from './halfAxis.js';
import { tokenAxis } from './tokenAxis.js';

/** Every axis along which the rows of a stage can be cut; part numbers run through the last one of a scope first. */
export const chunkAxes = { chunks: tokenAxis, expertChunks: expertAxis, halves: halfAxis } as const satisfies Record<
  string,
  ChunkAxis
>;

/** The name of an axis. */
export type ChunkAxisName = keyof typeof chunkAxes;

/** The number of parts in which the rows are cut along each axis; together they make the product of the numbers. */
export type ChunkCut = { readonly [Name in ChunkAxisName]: number };

/** One part along every axis. */
export const uncut: ChunkCut = { chunks: 1, expertChunks: 1, halves: 1 };

/** The number of parts of a cut along some of the axes, or along those of one scope. */
export function numPartsOf(cut: Partial<ChunkCut>, scope?: ChunkAxis['scope']): number {
  return axesOf(scope).reduce((product, name) => product * (cut[name] ?? 1), 1);
}

/** All combinations of the parts that the axes allow, the uncut stage first. */
export function cutsOf(context: ChunkContext): readonly ChunkCut[] {
  let cuts: Partial<ChunkCut>[] = [{}];
  for (const name of axisNames) {
    const fixed = context.fixed?.[name];
    const counts = fixed === undefined ? chunkAxes[name].counts(context) : [fixed];
    cuts = cuts.flatMap((cut) => counts.map((count) => ({ ...cut, [name]: count })));
  }
  return cuts as ChunkCut[];
}

/** The share of the work that each part of a cut along the axes of a scope has, and what each costs on top of it. */
export function partsOf(
  cut: Partial<ChunkCut>,
  context: ChunkContext,
  scope: ChunkAxis['scope'],
): { shares: readonly number[]; overhead: ChunkOverhead } {
  let shares: readonly number[] = [1];
  const overhead = { computeMs: 0, communicationMs: 0, computeRatio: 1 };
  for (const name of axesOf(scope)) {
    const count = cut[name] ?? 1;
    if (count === 1) continue;
    const own = chunkAxes[name].shares(count, context);
    shares = shares.flatMap((share) => own.map((part) => share * part));
    const extra = chunkAxes[name].overhead(context, cut);
    // A part that is cut along two axes is launched and sent once.
    overhead.computeMs = Math.max(overhead.computeMs, extra.computeMs);
    overhead.communicationMs = Math.max(overhead.communicationMs, extra.communicationMs);
    overhead.computeRatio = Math.min(overhead.computeRatio, extra.computeRatio ?? 1);
  }
  return { shares, overhead };
}

/** What a cut is called: `2 chunks`, `2 chunks x 4 expert chunks x 2 halves`; nothing for one part. */
export function describeCut(cut: Partial<ChunkCut>): string {
  return axisNames
    .filter((name) => (cut[name] ?? 1) > 1)
    .map((name) => `${cut[name]} ${chunkAxes[name].units}`)
    .join(' x ');
}

const axisNames = Object.keys(chunkAxes) as ChunkAxisName[];

function axesOf(scope: ChunkAxis['scope'] | undefined): readonly ChunkAxisName[] {
  return scope ? axisNames.filter((name) => chunkAxes[name].scope === scope) : axisNames;
}
