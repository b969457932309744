import { UserError } from '@scmoe/errors';
import type { Gpt } from '@scmoe/models';
import { evaluate, type JsonObject, type TokenSequence } from '@scmoe/trainer';

import { crossEntropyOf } from '../measure/crossEntropyOf.js';
import { measureExperts } from '../measure/measureExperts.js';
import { expectAbsent } from '../stored/saveRun.js';
import { chooseExperts, numKept, type KeptExperts } from './chooseExperts.js';
import {
  needsText,
  pruneCriteria,
  randomScores,
  scoresOfRouters,
  scoresOfText,
  type ExpertScores,
  type PruneCriterion,
} from './criteria.js';
import type { PruneMode } from './prunedTensors.js';
import { openPruneSubject, type PruneSubject } from './PruneSubject.js';

/** The file of a pruned run that says what was pruned, and why. */
export const pruneFile = 'prune.json';

/** How experts are pruned. */
export interface PruneOptions {
  /** A checkpoint, or a run folder, whose newest one is taken; or a folder of Hugging Face transformers. */
  checkpoint: string;
  /** Experts to remove of each layer. Fewer go where the rest has to be a multiple of ranks or groups. */
  prune: number;
  /** The folder to write, of the same form, which must not exist; nothing is written where it is not given. */
  out?: string;
  /** `reap` by default; `routerNorm` where `before` is given. */
  criterion?: PruneCriterion;
  /** An earlier checkpoint of the same model, for `routerNorm`. */
  before?: string;
  /** A text file or folder: its first part to measure experts on, its last to measure losses on; the run's own data by default. */
  text?: string;
  /** Batches of each part, spread evenly over it; 0: all. 20 by default. */
  batches?: number;
  /** Ranks that are to share the rest of the experts out. */
  ranks?: number;
  mode?: PruneMode;
  /** Random removals of as many, whose losses stand beside; 3 by default. */
  randomDraws?: number;
  /** Seed of what is random. */
  seed?: number;
}

/** What pruning came to. */
export interface PruneReport {
  /** The checkpoint that was pruned. */
  from: string;
  criterion: PruneCriterion;
  mode: PruneMode;
  numExperts: number;
  /** Experts of each layer that stay. */
  numKept: number;
  kept: KeptExperts;
  scores: ExpertScores;
  /** Held-out losses in nats per token, where there is a text. */
  losses?: { text: string; tokens: number; before: number; after: number; random: number[] };
  /** What was written: the checkpoint, or the public folder. */
  saved?: string;
}

/**
 * Prunes the routed experts of a checkpoint, of every layer as many, and measures what that costs. The checkpoint stays as it
 * is. Routers, correction biases, the optimizer's state and the settings follow, so that the pruned run goes on training.
 *
 * @throws UserError naming what is wrong: a checkpoint without experts or of images for a criterion that reads text, a number
 *   that leaves too few, an output that exists
 */
export async function pruneExperts(options: PruneOptions): Promise<PruneReport> {
  const { before, criterion = before === undefined ? 'reap' : 'routerNorm', mode = 'remove', seed = 1 } = options;
  const { out, prune, ranks, batches = 20, randomDraws = 3 } = options;
  if (!pruneCriteria.includes(criterion))
    throw new UserError(`criterion: expected one of ${pruneCriteria.join(', ')}, got ${String(criterion)}.`, {
      exitCode: 2,
    });
  if (criterion === 'routerNorm' && before === undefined)
    throw new UserError('criterion routerNorm: expected an earlier checkpoint to compare with, got none.', {
      exitCode: 2,
    });
  if (out !== undefined) await expectAbsent(out);
  const subject = await openPruneSubject(options.checkpoint);
  const { language } = subject;
  try {
    const { numExperts, numGroups = 1 } = subject.moe;
    const keep = numKept({ numExperts, prune, numGroups, ranks, least: choicesOf(subject) });
    const text = await subject.text(options.text);
    const batchesOf = (sequence: TokenSequence) => subject.batches(sequence, batches);
    if (needsText(criterion) && !(language && text)) throw withoutText(subject, criterion, language !== undefined);
    const scores = needsText(criterion)
      ? scoresOfText(criterion as 'reap', await measureExperts(language!.model, batchesOf(text!.calibration)))
      : criterion === 'random'
        ? randomScores(subject, seed)
        : scoresOfRouters(subject, await beforeOf(before!));
    const kept = chooseExperts(scores, { keep, numGroups });
    const report: PruneReport = {
      from: subject.checkpoint.path,
      criterion,
      mode,
      numExperts,
      numKept: keep,
      kept,
      scores,
    };
    if (language && text) {
      const lossOf = async (model: Gpt) => (await evaluate(crossEntropyOf(model), batchesOf(text.heldOut))).loss;
      const without = async (ids: KeptExperts) => {
        const model = subject.without(ids, mode);
        try {
          return await lossOf(model);
        } finally {
          model.dispose();
        }
      };
      const random: number[] = [];
      for (let draw = 0; draw < randomDraws; draw++) {
        const drawn = randomScores(subject, seed + 1 + draw);
        random.push(await without(chooseExperts(drawn, { keep, numGroups })));
      }
      const { loss, weight } = await evaluate(crossEntropyOf(language.model), batchesOf(text.heldOut));
      report.losses = { text: text.path, tokens: weight, before: loss, after: await without(kept), random };
    }
    if (out !== undefined) {
      const written = { out, mode, file: pruneFile, report: report as unknown as JsonObject };
      report.saved = await subject.save(kept, written);
    }
    return report;
  } finally {
    language?.model.dispose();
  }
}

/** The parameters of an earlier model, of which nothing else is needed. */
async function beforeOf(path: string): Promise<Pick<PruneSubject, 'checkpoint'>> {
  const { checkpoint, language } = await openPruneSubject(path);
  language?.model.dispose();
  return { checkpoint };
}

/** The experts that a token chooses, which have to be there; DGMoE's second choice leaves out the first. */
function choicesOf({ moe: { kind, topK, numZeroExperts = 0 } }: PruneSubject): number {
  const choices = topK ?? (kind === 'top2' || kind === 'standard' ? 2 : 1);
  return Math.max(1, (kind === 'dgmoe' ? choices + 1 : choices) - numZeroExperts);
}

function withoutText({ checkpoint }: PruneSubject, criterion: PruneCriterion, isOfText: boolean): UserError {
  const expected = isOfText
    ? `a text to measure experts on, got none: the run's own data are not there`
    : `a language model, got ${checkpoint.path}, a model of other data`;
  return new UserError(`criterion ${criterion}: expected ${expected}.`, { exitCode: 2 });
}
