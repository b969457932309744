import { UserError } from '@scmoe/errors';
import { sequentialTokenBatches, type JsonObject, type TokenSequence } from '@scmoe/trainer';

import { traceRoutes, type LayerRoutes } from '../measure/traceRoutes.js';
import { openLanguageModel } from '../stored/openLanguageModel.js';
import { openText, type ModelText } from '../stored/openText.js';
import { saveExperts } from '../stored/saveExperts.js';
import { expectAbsent } from '../stored/saveRun.js';
import { expectOwnRouters, openStoredExperts } from '../stored/StoredExperts.js';
import { affinitiesOf, coChoicesOf, trafficOf } from './counts.js';
import { measurePlacement, type PlacementMeasures } from './measurePlacement.js';
import type { Placement } from './placements.js';
import { alongProblem, placeOnLevels, togetherProblem, trafficProblem, type PlaceProblem } from './PlaceProblem.js';

/**
 * What a placement is for. `home`: most rows stay on the rank of their token, which pays where ranks see different texts. `load`:
 * the fullest rank computes as little as it can. `coChoice`: experts that tokens choose together are on one rank, for engines
 * that send one row to each rank of a token. `interLayer`: tokens stay on their rank from layer to layer (ExFlow, arXiv
 * 2401.08383), for engines whose tokens do not come home after every layer.
 */
export const placeObjectives = ['home', 'load', 'coChoice', 'interLayer'] as const;
/** What a placement is to make small. */
export type PlaceObjective = (typeof placeObjectives)[number];

/** How experts are placed. */
export interface PlaceOptions {
  /** A checkpoint, or a run folder, whose newest one is taken. */
  checkpoint: string;
  /** The text of each rank, in the order of the ranks: its first part to place by, its last to measure on. */
  texts: readonly string[];
  objective?: PlaceObjective;
  /** Nodes that the ranks are on, as many ranks on each: experts are placed on nodes first. 1 by default. */
  nodes?: number;
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
  nodes: number;
  /** The experts of each layer in the order of their places. */
  placements: Record<string, Placement>;
  /** Over all layers, on held-out text; `fullestRank` is summed over the layers. */
  before: PlacementMeasures;
  after: PlacementMeasures;
  /** Bytes of float32 that no longer travel, to the experts and back, of the held-out text; less than 0 where more do. It is of
   * what the objective counts: rows, rows to ranks (`coChoice`), or tokens that move, which do not come back (`interLayer`). */
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
  nodes = 1,
  out,
  batches = 20,
}: PlaceOptions): Promise<PlaceReport> {
  const wrong = (what: string) => new UserError(what, { exitCode: 2 });
  if (!placeObjectives.includes(objective))
    throw wrong(`objective: expected one of ${placeObjectives.join(', ')}, got ${String(objective)}.`);
  const ranks = texts.length;
  if (ranks < 2) throw wrong(`texts: expected one for each of at least 2 ranks, got ${ranks}.`);
  if (!Number.isInteger(nodes) || nodes < 1 || ranks % nodes !== 0)
    throw wrong(`nodes: expected a divisor of the ${ranks} ranks, got ${nodes}.`);
  if (out !== undefined) await expectAbsent(out);
  const stored = await openStoredExperts(checkpoint);
  expectOwnRouters(stored, 'placed');
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
    const trace = async (part: (text: ModelText) => TokenSequence) => {
      const ofRanks: LayerRoutes[][] = [];
      for (const text of opened)
        ofRanks.push(await traceRoutes(language.model, sequentialTokenBatches(part(text), shape)));
      return ofRanks;
    };
    const chosenBy = await trace(({ calibration }) => calibration);
    const heldOut = await trace(({ heldOut }) => heldOut);
    const layers = chosenBy[0]!.map(({ layer }) => layer);
    const placed = placeOnLevels(problemOf(objective, chosenBy), { ranks, nodes });
    const placements = Object.fromEntries(layers.map((layer, l) => [layer, placed[l]!]));
    const asItIs = Array.from({ length: numExperts }, (_, expert) => expert);
    const unchanged = Object.fromEntries(layers.map((layer) => [layer, asItIs]));
    const [before, after] = [unchanged, placements].map((each) =>
      measurePlacement(heldOut, { placements: each, ranks, nodes }),
    ) as [PlacementMeasures, PlacementMeasures];
    const counted = countedBy(objective, nodes);
    const report: PlaceReport = {
      from: stored.checkpoint.path,
      objective,
      ranks,
      nodes,
      placements,
      before,
      after,
      savedBytes: savedRows(objective, before, after) * 4 * dModel!,
      gains: isGain(before[counted], after[counted]),
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

function problemOf(objective: PlaceObjective, routes: readonly LayerRoutes[][]): PlaceProblem {
  const layers = routes[0]!.map((_, l) => routes.map((own) => own[l]!));
  switch (objective) {
    case 'coChoice':
      return togetherProblem(layers.map(coChoicesOf));
    case 'interLayer':
      return alongProblem(
        layers.slice(1).map((to, l) => affinitiesOf(layers[l]!, to)),
        routes[0]![0]!.numExperts,
      );
    default:
      return trafficProblem(layers.map(trafficOf), objective);
  }
}

/** What an objective makes small. */
function countedBy(objective: PlaceObjective, nodes: number): keyof PlacementMeasures {
  const home = nodes > 1 ? 'rowsBetweenNodes' : 'remoteRows';
  return ({ home, load: 'fullestRank', coChoice: 'remoteRanks', interLayer: 'moves' } as const)[objective];
}

/** Rows that no longer travel, there and back. */
function savedRows(objective: PlaceObjective, before: PlacementMeasures, after: PlacementMeasures): number {
  if (objective === 'interLayer') return before.moves - after.moves;
  const name = objective === 'coChoice' ? 'remoteRanks' : 'remoteRows';
  return 2 * (before[name] - after[name]);
}

function isGain(before: number, after: number): boolean {
  const gained = before - after;
  return gained > least.share * before && gained > least.deviations * Math.sqrt(before);
}
