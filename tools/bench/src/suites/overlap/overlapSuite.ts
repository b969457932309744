import { fileURLToPath } from 'node:url';

import type { NetworkLab } from '@scmoe/netlab';
import type { MeasuredCosts, PlanChoice } from '@scmoe/scheduler';

import { RankGroup } from '../../ranks/RankGroup.js';
import { table } from '../../table.js';
import { calibrate, type CalibratedRate } from './calibrate.js';
import { cellTable } from './cellTable.js';
import { drawSteps, type DrawnStep } from './drawSteps.js';
import type { LayerName } from './layers.js';
import { measureCell } from './measureCell.js';
import type { Level, Mode, OverlapShape } from './OverlapShape.js';
import { peerContenders, peerProgram, peerTable } from './peer.js';
import { chosenPlan } from './plans.js';
import { predictionError } from './predictionError.js';
import { profileLayers } from './profileLayers.js';

const worker = fileURLToPath(new URL('./workers/overlapRank.js', import.meta.url));
const profiledSteps = 3;

export interface OverlapSuiteOptions {
  shape: OverlapShape;
  /** Shares of communication in the standard top-2 layer, to which the lab's rate is set. */
  shares: readonly number[];
  levels: readonly Level[];
  /** What is compared; top2 and pos2 among them. */
  layers: readonly LayerName[];
  rounds: number;
  /** A Python that has PyTorch, for the peer. */
  python: string | undefined;
}

/** A piece of the result, as soon as it is there. */
export interface OverlapSection {
  title: string;
  text: string;
  /** What the scheduler chose by. */
  costs?: { name: string; content: MeasuredCosts };
  /** Steps of a block pair as they ran: SVG. */
  timeline?: { name: string; content: string };
}

/** The headline table: every layer and plan, at every share, as a pair and as a whole model, in training and inference. */
export async function* overlapSuite(
  lab: NetworkLab,
  { shape, shares, levels, layers, rounds, python }: OverlapSuiteOptions,
): AsyncGenerator<OverlapSection> {
  const ranks = Array.from({ length: lab.ranks }, (_, rank) => rank);
  const start = (command: string, args: readonly string[]) =>
    RankGroup.start(ranks.map((rank) => lab.wrap(rank, command, [...args, '--shape', JSON.stringify(shape)])));
  const group = await start(process.execPath, [worker]);
  const peer = python !== undefined && levels.includes('model') ? await start(python, [peerProgram]) : undefined;

  const rates: CalibratedRate[] = [];
  for (const target of shares) {
    rates.push(await calibrate(lab, group, target, { steps: profiledSteps }));
  }
  yield { title: 'Calibrated rates', text: `${describe(shape, lab)}\n\n${rateTable(rates)}` };

  for (const level of levels) {
    for (const { target, rate } of rates) {
      lab.setRate(rate);
      const percent = `${Math.round(100 * target)} %`;
      const what = level === 'pair' ? 'Block pair' : `Model of ${shape.pairs} pairs`;
      const costs = await profileLayers(group, level, shape, {
        layers,
        steps: profiledSteps,
        ranks: lab.ranks,
        title: `${what.toLowerCase()} at a communication share of ${percent}`,
      });
      yield* cells({ level, target, costs, title: `${what}, share ${percent}` });
    }
    for (const layer of layers) await group.ask(JSON.stringify({ ask: 'forget', level, layer }));
  }
  await group.stop();
  await peer?.stop();

  /** More where steps are short, and where there is little to hide; models are long. */
  function roundsOf(level: Level, mode: Mode, target: number): number {
    if (level === 'model') return Math.ceil(rounds / 2) * (mode === 'infer' ? 2 : 1);
    return Math.ceil(rounds * (mode === 'infer' ? 2 : 1) * (target < 0.3 ? 1.6 : 1));
  }

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
      const others = peer && level === 'model' ? peerContenders(peer, mode, plans) : [];
      const steps = await measureCell(
        group,
        { level, mode, costs },
        {
          rounds: roundsOf(level, mode, target),
          candidateRounds: level === 'pair' ? Math.min(3, rounds) : 0,
          beside: others,
        },
      );
      const tables = [cellTable(steps, costs, mode)];
      if (others.length > 0) {
        const tokens = lab.ranks * shape.batchSize * shape.sequenceLength;
        tables.push(`The same model in ${peer!.version}:`, peerTable(steps, plans, tokens));
      }
      const section: OverlapSection = {
        title: `${title}, ${mode === 'train' ? 'training' : 'inference'}`,
        text: tables.join('\n\n'),
      };
      if (mode === 'infer') {
        yield section;
        continue;
      }
      const drawn = level === 'pair' && {
        timeline: { name, content: await drawSteps(group, stepsToDraw(plans.pos2)) },
      };
      const content = { ...costs, predictionError: predictionError(steps, costs, mode) };
      yield { ...section, costs: { name, content }, ...drawn };
    }
  }
}

/** What ScMoE gives, in a picture. */
function stepsToDraw(pos2: PlanChoice): DrawnStep[] {
  const steps: DrawnStep[] = [
    { title: 'top-2, sequential', layer: 'top2', plan: null },
    { title: 'ScMoE pos2, sequential', layer: 'pos2', plan: null },
  ];
  return pos2 ? [...steps, { title: `ScMoE pos2, slot ${pos2.slot}`, layer: 'pos2', plan: pos2 }] : steps;
}

function describe(shape: OverlapShape, lab: NetworkLab): string {
  const { dModel, numHeads, ffnHidden, numExperts, capacityFactor, batchSize, sequenceLength } = shape;
  return `${lab.ranks} ranks, one thread each; width ${dModel}, ${numHeads} heads, hidden width ${ffnHidden}, ${numExperts} experts, capacity factor ${capacityFactor}, ${batchSize} sequences of ${sequenceLength} tokens a rank, float32.`;
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
