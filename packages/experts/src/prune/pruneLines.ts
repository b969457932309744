import { plainText } from '@scmoe/errors';

import type { PruneReport } from './pruneExperts.js';

/** A report in words, line by line: what went, by what scores, and what it costs. */
export function pruneLines({
  from,
  criterion,
  mode,
  numExperts,
  numKept,
  kept,
  scores,
  losses,
  saved,
}: PruneReport): string[] {
  const layers = Object.entries(kept).flatMap(([layer, ids]) => {
    const gone = Array.from({ length: numExperts }, (_, e) => e).filter((e) => !ids.includes(e));
    const withScores = (of: readonly number[]) =>
      of.map((e) => `${e} (${scores[layer]![e]!.toPrecision(3)})`).join(' ') || 'none';
    return [`  ${layer}: removed ${withScores(gone)}`, `  ${' '.repeat(layer.length)}  stay ${withScores(ids)}`];
  });
  return [
    `checkpoint: ${plainText(from)}`,
    `${numKept} of ${numExperts} experts stay in each layer, by ${criterion} (in brackets)${mode === 'zero' ? '; the others answer with zeros' : ''}`,
    ...layers,
    ...(losses ? lossLines(losses) : ['held-out loss: not measured, for there is no text']),
    saved === undefined ? 'nothing was written' : `saved: ${plainText(saved)}`,
  ];
}

function lossLines({ text, tokens, before, after, random }: NonNullable<PruneReport['losses']>): string[] {
  const against = (loss: number) => `${loss.toFixed(4)} (${loss < before ? '' : '+'}${(loss - before).toFixed(4)})`;
  const mean = random.reduce((sum, loss) => sum + loss, 0) / random.length;
  return [
    `held-out loss over ${tokens} tokens of ${plainText(text)}, in nats per token:`,
    `  before          ${before.toFixed(4)}`,
    `  after           ${against(after)}`,
    ...(random.length > 0
      ? [`  random instead  ${against(mean)}, mean of ${random.map((loss) => loss.toFixed(4)).join(' ')}`]
      : []),
  ];
}
