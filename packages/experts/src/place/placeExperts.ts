import { UserError } from '@scmoe/errors';
import { sequentialTokenBatches, type JsonObject, type TokenSequence } from '@scmoe/trainer';

import type { ExpertStatistics } from '../measure/ExpertStatistics.js';
import { measureExperts } from '../measure/measureExperts.js';
import { openLanguageModel } from '../stored/openLanguageModel.js';
import { openText, type ModelText } from '../stored/openText.js';
import { saveExperts } from '../stored/saveExperts.js';
import { expectAbsent } from '../stored/saveRun.js';
import { openStoredExperts } from '../stored/StoredExperts.js';
import { placeAtHome, placeByLoad, placedTraffic, type PlacedTraffic, type Placement } from './placements.js';

/**
 * What a placement is for. `home`: most rows stay on the rank of their token, which pays where ranks see different texts. `load`:
 * the fullest rank computes as little as it can.
 */
export const placeObjectives = ['home', 'load'] as const;
/** What a placement is to make small. */
export type PlaceObjective = (typeof placeObjectives)[number];

/** How experts are placed. */
export interface PlaceOptions {
  /** A checkpoint, or a run folder, whose newest one is taken. */
  checkpoint: string;
  /** The text of each rank, in the order of the ranks: its first part to place by, its last to measure on. */
  texts: readonly string[];
  objective?: PlaceObjective;
  /** The run folder to write, which must not exist; nothing is written where it is not given, or where nothing is gained. */
  out?: string;
  /** Batches of each part, spread evenly over it; 0: all. 20 by default. */
  batches?: number;
}

/** What a placement comes to on text that it was not chosen by. */
export interface PlaceReport {
  from: string;
  objective: PlaceObjective;
  ranks: number;
  /** The experts of each layer in the order of their places. */
  placements: Record<string, Placement>;
  /** Over all layers, on held-out text; `fullestRank` is summed over the layers. */
  before: PlacedTraffic;
  after: PlacedTraffic;
  /** Bytes of float32 that no longer travel, to the experts and back, of the held-out text; less than 0 where more do. */
  savedBytes: number;
  /** Whether what is gained is more than a hundredth, and more than chance. */
  gains: boolean;
  /** The checkpoint that was written. */
  saved?: string;
}

/** What is gained has to be more than this share, and more than so many standard deviations of the rows' number. */
const least = { share: 0.01, deviations: 3 };

/**
 * Chooses which rank has which experts, by what each rank's text asks for, and writes the checkpoint with its experts in that
 * order: rank r has the r-th run of them, whoever loads it. The model computes the same. The gain is measured on text that the
 * placement was not chosen by; where there is none to speak of, as with shuffled data, nothing is written.
 *
 * @throws UserError naming what is wrong: a number of texts that does not divide the experts, groups, no language model
 */
export async function placeExperts({
  checkpoint,
  texts,
  objective = 'home',
  out,
  batches = 20,
}: PlaceOptions): Promise<PlaceReport> {
  const wrong = (what: string) => new UserError(what, { exitCode: 2 });
  if (!placeObjectives.includes(objective))
    throw wrong(`objective: expected one of ${placeObjectives.join(', ')}, got ${String(objective)}.`);
  const ranks = texts.length;
  if (ranks < 2) throw wrong(`texts: expected one for each of at least 2 ranks, got ${ranks}.`);
  if (out !== undefined) await expectAbsent(out);
  const stored = await openStoredExperts(checkpoint);
  const { numExperts, numGroups = 1 } = stored.moe;
  if (numExperts % ranks !== 0)
    throw wrong(`texts: expected as many as divide the ${numExperts} experts, one for each rank, got ${ranks}.`);
  if (numGroups > 1)
    throw wrong(
      `${stored.checkpoint.path}: expected experts in one group, whose order means nothing, got ${numGroups}.`,
    );
  const language = await openLanguageModel(stored);
  if (!language) throw wrong(`${stored.checkpoint.path}: expected a language model, got one of other data.`);
  try {
    const { batchSize, sequenceLength, dModel } = stored.checkpoint.index.config as Record<string, number>;
    const shape = { batchSize: batchSize!, sequenceLength: sequenceLength!, maxBatches: batches };
    const opened: ModelText[] = [];
    for (const path of texts) opened.push((await openText(stored, language.tokenizer, path))!);
    const trafficOf = async (part: (text: ModelText) => TokenSequence) => {
      const ofRanks: ExpertStatistics[][] = [];
      for (const text of opened)
        ofRanks.push(await measureExperts(language.model, sequentialTokenBatches(part(text), shape)));
      return Object.fromEntries(
        ofRanks[0]!.map(({ layer }, i) => [layer, ofRanks.map((statistics) => statistics[i]!.kept)]),
      );
    };
    const chosenBy = await trafficOf(({ calibration }) => calibration);
    const heldOut = await trafficOf(({ heldOut }) => heldOut);
    const place = objective === 'home' ? placeAtHome : placeByLoad;
    const placements = Object.fromEntries(Object.entries(chosenBy).map(([layer, traffic]) => [layer, place(traffic)]));
    const asItIs = Array.from({ length: numExperts }, (_, expert) => expert);
    const before = sumOf(heldOut, () => asItIs);
    const after = sumOf(heldOut, (layer) => placements[layer]!);
    const report: PlaceReport = {
      from: stored.checkpoint.path,
      objective,
      ranks,
      placements,
      before,
      after,
      savedBytes: (before.remoteRows - after.remoteRows) * 2 * 4 * dModel!,
      gains: isGain(objective, before, after),
    };
    if (out !== undefined && report.gains) {
      const written = { order: placements, out, file: placementFile, report: report as unknown as JsonObject };
      report.saved = await saveExperts(stored, written);
    }
    return report;
  } finally {
    language.model.dispose();
  }
}

/** The file of a placed run that says where experts came from. */
export const placementFile = 'placement.json';

function sumOf(traffic: Record<string, number[][]>, of: (layer: string) => Placement): PlacedTraffic {
  const layers = Object.entries(traffic).map(([layer, own]) => placedTraffic(own, of(layer)));
  const sum = (name: keyof PlacedTraffic) => layers.reduce((total, layer) => total + layer[name], 0);
  return { rows: sum('rows'), remoteRows: sum('remoteRows'), fullestRank: sum('fullestRank') };
}

function isGain(objective: PlaceObjective, before: PlacedTraffic, after: PlacedTraffic): boolean {
  const name = objective === 'home' ? 'remoteRows' : 'fullestRank';
  const gained = before[name] - after[name];
  return gained > least.share * before[name] && gained > least.deviations * Math.sqrt(before[name]);
}
