import { indexedJobRanks, kubeflowRanks } from './kubernetesRanks.js';
import { openMpiRanks } from './openMpiRanks.js';
import { PlaceError } from './PlaceError.js';
import { pmiRanks, pmixRanks } from './pmiRanks.js';
import { checkRanks, ranksText, type Ranks } from './Ranks.js';
import { slurmRanks } from './slurmRanks.js';
import { handRanks, ourRanks, torchrunRanks } from './torchRanks.js';
import type { Variables } from './Variables.js';

type Reader = (variables: Variables) => Ranks | undefined;

/** Those who start ranks by themselves, the nearest to a process first, as one runs inside another. */
const launchers: readonly Reader[] = [openMpiRanks, pmixRanks, pmiRanks, kubeflowRanks, slurmRanks];

/** The numbers that count for this process, and in a sentence what was passed over for them. */
export interface Choice {
  ranks: Ranks;
  note?: string;
}

/**
 * Who started this process: of several whose variables are here, the launcher nearest to it.
 *
 * @throws PlaceError for variables that are malformed, missing or contradict each other, with names and values
 */
export function chooseRanks(variables: Variables): Choice | undefined {
  // These two run inside of any other, one a host for example.
  const inner = ourRanks(variables) ?? torchrunRanks(variables);
  if (inner !== undefined) return beside(inner, launchers.map((read) => ifReadable(read, variables)).find(Boolean));

  if (saysHosts(variables)) {
    const byHand = handRanks(variables)!;
    return reconcile(byHand, launchers.map((read) => ifReadable(read, variables)).find(Boolean));
  }
  const [ranks, outer] = nearestTwo(variables);
  // Of a PyTorchJob these are the pod's.
  const byHand = ranks !== undefined && isPod(ranks) ? undefined : handRanks(variables);
  if (byHand !== undefined) return reconcile(byHand, ranks);
  if (ranks !== undefined) return beside(ranks, outer);
  // Every pod of an indexed job has an index, whatever it is used for: it comes last.
  const indexed = indexedJobRanks(variables);
  return indexed && beside(indexed, undefined);
}

/** Whether somebody has set by hand what torchrun sets, with the number of this rank on its host. */
function saysHosts(variables: Variables): boolean {
  return variables.has('LOCAL_RANK') && (variables.has('RANK') || variables.has('WORLD_SIZE'));
}

function isPod({ source }: Ranks): boolean {
  return source.startsWith('Kubernetes');
}

/** The launcher nearest to this process, and the one that is next. */
function nearestTwo(variables: Variables): [Ranks | undefined, Ranks | undefined] {
  for (const [i, read] of launchers.entries()) {
    const ranks = read(variables);
    if (ranks === undefined) continue;
    const rest = launchers.slice(i + 1).map((next) => ifReadable(next, variables));
    return [ranks, rest.find((each) => each !== undefined)];
  }
  return [undefined, undefined];
}

/** What is not counted may be incomplete. */
function ifReadable(read: Reader, variables: Variables): Ranks | undefined {
  try {
    return read(variables);
  } catch (error) {
    if (error instanceof PlaceError) return undefined;
    throw error;
  }
}

function beside(ranks: Ranks, outer: Ranks | undefined): Choice {
  checkRanks(ranks);
  if (outer === undefined || agree(ranks, outer)) return { ranks };
  return { ranks, note: `${ranksText(ranks)} counts, the nearer launcher, and not ${ranksText(outer)} around it` };
}

/**
 * Numbers set by hand beside those of a launcher: the same ones, of which those count that say which ranks share a host;
 * or those of somebody who starts several processes in each of the launcher's. Others are left over from somewhere, and
 * would make as many runs of one as there are processes, or ranks that are there twice.
 */
function reconcile(byHand: Ranks, launcher: Ranks | undefined): Choice {
  if (launcher === undefined) return beside(byHand, undefined);
  const hasLocalRank = byHand.names.localRank === 'LOCAL_RANK';
  if (agree(byHand, launcher)) return beside(hasLocalRank ? byHand : launcher, undefined);
  const isInside = byHand.worldSize > launcher.worldSize && byHand.rank >= launcher.rank;
  if (hasLocalRank && (isInside || isPod(launcher))) return beside(byHand, launcher);
  throw new PlaceError(
    `${ranksText(byHand)} and ${ranksText(launcher)} contradict each other: ` +
      'expected the same numbers, or RANK and WORLD_SIZE not to be set.',
  );
}

function agree(a: Ranks, b: Ranks): boolean {
  return a.rank === b.rank && a.worldSize === b.worldSize;
}
