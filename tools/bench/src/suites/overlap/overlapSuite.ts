import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

import type { NetworkLab } from '@scmoe/netlab';
import type { MeasuredCosts, PlanChoice } from '@scmoe/scheduler';

import { RankGroup } from '../../ranks/RankGroup.js';
import { TurnsPipe } from '../../ranks/TurnsPipe.js';
import { table } from '../../table.js';
import { calibrate, type CalibratedRate } from './calibrate.js';
import { cellRows } from './cellRows.js';
import { cellTable } from './cellTable.js';
import { drawSteps, type DrawnStep } from './drawSteps.js';
import type { HeadlineCell } from './headline.js';
import type { LayerName } from './layers.js';
import { measureCell } from './measureCell.js';
import type { Computations, Level, Mode, OverlapShape } from './OverlapShape.js';
import { peerContenders, peerProgram, peerRows, peerTable } from './peer.js';
import { chosenPlan } from './plans.js';
import { accuracyLine, predictionError, waitsLine } from './predictionError.js';
import { profileLayers } from './profileLayers.js';
import { Rounds, type Effort } from './Rounds.js';

const worker = fileURLToPath(new URL('./workers/overlapRank.js', import.meta.url));
const profiledSteps = 3;

export interface OverlapSuiteOptions {
  shape: OverlapShape;
  /** Shares of communication in the standard top-2 layer, to which the lab's rate is set. */
  shares: readonly number[];
  levels: readonly Level[];
  /** What is compared; top2 and pos2 among them. */
  layers: readonly LayerName[];
  effort: Effort;
  computation: Computations;
  /** A Python that has PyTorch, for the peer. */
  python: string | undefined;
}

/** A piece of the result, as soon as it is there. */
export interface OverlapSection {
  title: string;
  text: string;
  /** What was measured of one level, at one share, in one mode. */
  cell?: HeadlineCell;
  /** What the scheduler chose by. */
  costs?: { name: string; content: MeasuredCosts };
  /** Steps of a block pair as they ran: SVG. */
  timeline?: { name: string; content: string };
}

/** The headline table: every layer and plan, at every share, as a pair and as a whole model, in training and inference. */
export async function* overlapSuite(
  lab: NetworkLab,
  { shape, shares, levels, layers, effort, computation, python }: OverlapSuiteOptions,
): AsyncGenerator<OverlapSection> {
  const rounds = new Rounds(effort);
  const ranks = Array.from({ length: lab.ranks }, (_, rank) => rank);
  const start = (command: string, args: readonly string[]) =>
    RankGroup.start(ranks.map((rank) => lab.wrap(rank, command, [...args, '--shape', JSON.stringify(shape)])));
  const turns = computation === 'kernels' ? undefined : TurnsPipe.open(Math.min(lab.ranks, availableParallelism()));
  const does = ['--computation', computation === 'waits' ? 'waits' : 'kernels'];
  const group = await start(process.execPath, [worker, ...does, ...(turns ? ['--turns', turns.path] : [])]);
  turns?.unlink();
  const peer = python === undefined ? undefined : await start(python, [peerProgram]);

  const rates: CalibratedRate[] = [];
  // Least of all last: what the others leave of the time is needed where there is little to hide.
  for (const target of shares.toSorted((a, b) => b - a)) {
    rates.push(await calibrate(lab, group, target, { steps: profiledSteps }));
  }
  yield { title: 'Calibrated rates', text: `${describe(shape, lab, computation)}\n\n${rateTable(rates)}` };

  for (const [l, level] of levels.entries()) {
    for (const [i, { target, rate }] of rates.entries()) {
      rounds.begin((levels.length - l) * rates.length - i);
      lab.setRate(rate);
      const percent = `${Math.round(100 * target)} %`;
      const what = level === 'pair' ? 'Block pair' : `Model of ${shape.pairs} pairs`;
      const costs = await profileLayers(group, level, shape, {
        layers,
        steps: profiledSteps,
        // What waits takes as long each time.
        numPasses: level === 'pair' && computation !== 'waits' ? 2 : 1,
        ranks: lab.ranks,
        title: `${what.toLowerCase()} at a communication share of ${percent}`,
      });
      yield* cells({ level, target, costs, title: `${what}, share ${percent}` });
    }
    for (const layer of layers) await group.ask(JSON.stringify({ ask: 'forget', level, layer }));
  }
  await group.stop();
  turns?.close();
  await peer?.stop();

  async function* cells({
    level,
    target,
    costs,
    title,
  }: {
    level: Level;
    target: number;
    costs: MeasuredCosts;
    title: string;
  }) {
    const name = title
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replace(/-$/, '');
    for (const mode of ['train', 'infer'] as const satisfies Mode[]) {
      const plans = { pos2: chosenPlan({ name: '', layer: 'pos2', schedule: 'overlapped' }, costs, mode) };
      const others = peer ? peerContenders(peer, { level, mode }, plans) : [];
      const load = loadText();
      const steps = await measureCell(
        group,
        { level, mode, costs },
        {
          goesOn: rounds.of(level, mode, target),
          candidateRounds: level === 'pair' ? effort.candidateRounds : 0,
          withWaits: computation === 'both',
          beside: others,
        },
      );
      const rows = cellRows(steps, costs, mode);
      const said = `${rows[0]!.rounds} rounds. ${accuracyLine(rows)}${waitsLine(rows)} Load of the machine: ${load} before, ${loadText()} after.`;
      const tables = [cellTable(rows), said];
      const peers = peer && peerRows(steps, plans);
      if (peers) {
        const tokens = lab.ranks * shape.batchSize * shape.sequenceLength;
        tables.push(`The same in ${peer.version}:`, peerTable(peers, tokens));
      }
      const section: OverlapSection = {
        title: `${title}, ${mode === 'train' ? 'training' : 'inference'}`,
        text: tables.join('\n\n'),
        cell: { level, share: target, mode, rows, ...(peers && { peer: { version: peer.version, rows: peers } }) },
      };
      if (mode === 'infer') {
        yield section;
        continue;
      }
      const drawn = level === 'pair' && {
        timeline: { name, content: await drawSteps(group, stepsToDraw(plans.pos2)) },
      };
      const content = { ...costs, predictionError: predictionError(rows) };
      yield { ...section, costs: { name, content }, ...drawn };
    }
  }
}

/** Mean number of programs that wanted to run in the last minute. */
function loadText(): string {
  return loadavg()[0]!.toFixed(1);
}

/** What ScMoE gives, in a picture. */
function stepsToDraw(pos2: PlanChoice): DrawnStep[] {
  const steps: DrawnStep[] = [
    { title: 'top-2, sequential', layer: 'top2', plan: null },
    { title: 'ScMoE pos2, sequential', layer: 'pos2', plan: null },
  ];
  return pos2 ? [...steps, { title: `ScMoE pos2, slot ${pos2.slot}`, layer: 'pos2', plan: pos2 }] : steps;
}

function describe(shape: OverlapShape, lab: NetworkLab, computation: Computations): string {
  const { dModel, numHeads, ffnHidden, numExperts, capacityFactor, batchSize, sequenceLength } = shape;
  return `${lab.ranks} ranks, one thread each${computation === 'waits' ? ', whose kernels wait as long as they were timed to take' : ''}; width ${dModel}, ${numHeads} heads, hidden width ${ffnHidden}, ${numExperts} experts, capacity factor ${capacityFactor}, ${batchSize} sequences of ${sequenceLength} tokens a rank, float32.`;
}

function rateTable(rates: readonly CalibratedRate[]): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return table(
    ['share asked for', 'rate', 'share, forward', 'share, forward and backward'],
    rates.map(({ target, rate, forwardShare, trainingShare }) => [
      percent(target),
      `${(Number(rate.replace('kbit', '')) / 1000).toFixed(0)} Mbit/s`,
      percent(forwardShare),
      percent(trainingShare),
    ]),
  );
}
