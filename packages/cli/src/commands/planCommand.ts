import type { Terminal } from '@scmoe/comm/launch';
import { bytesText, UserError } from '@scmoe/errors';
import {
  explainChoice,
  formatMs,
  rankPlans,
  recomputations,
  recomputeWays,
  withinMemory,
  type RankedPlan,
  type RankMemory,
  type RecomputeWay,
  type RunKind,
  type StageKind,
} from '@scmoe/scheduler';
import { Command } from 'commander';

import { machineCases, machineOptions, type MachineCase, type MachineOptions } from './machineCases.js';
import { byteSize, oneOf, stageNames, wholeNumber } from './parsers.js';
import { percent, table } from './table.js';

interface PlanOptions extends MachineOptions {
  readonly stage: string;
  readonly topK: number;
  readonly mode: RunKind;
  readonly maxChunks: number;
  readonly split: 'auto' | 'off';
  readonly capacity?: boolean;
  readonly recompute: RecomputeWay['recompute'] | 'auto';
  readonly memoryLimit?: number;
  readonly moments: 'float32' | 'bfloat16';
  readonly top: number;
  readonly json?: boolean;
}

/** `scmoe plan`: the best combinations of all axes, what each hides, and why the first wins. */
export function planCommand(terminal: Terminal): Command {
  return machineOptions(new Command('plan'))
    .description(
      'Ranks all ways to hide the exchanges of a stage: slot, chunks of the tokens, chunks of the experts of a rank, halves of the batch or the sequence, and what of a training step is computed twice to save memory.',
    )
    .option(
      '--stage <kinds>',
      'the stage of the model, or several to compare, such as standard,pos2,pos3',
      stageNames(),
      'pos2',
    )
    .option('--top-k <k>', 'its routed experts for each token', wholeNumber(1), 1)
    .option('--mode <train|infer>', 'forward, backward and update, or forward alone', oneOf('train', 'infer'), 'train')
    .option('--max-chunks <n>', 'chunks that the tokens may be cut into', wholeNumber(1, 64), 4)
    .option(
      '--split <auto|off>',
      'whether the stage may run on two halves of the batch or of each sequence',
      oneOf('auto', 'off'),
      'auto',
    )
    .option('--capacity', 'a capacity is set, so that one gate has to see both halves')
    .option(
      '--recompute <auto|off|selective|block>',
      'of model and cluster, in training: what a backward pass computes again instead of keeping it',
      oneOf('auto', ...recomputations),
      'auto',
    )
    .option(
      '--memory-limit <size>',
      'of model and cluster: memory of a rank for weights, optimizer, gradients and activations, such as 40GiB; what needs more is left out',
      byteSize,
    )
    .option(
      '--moments <float32|bfloat16>',
      'of model and cluster, in training: what the optimizer keeps its two moments in',
      oneOf('float32', 'bfloat16'),
      'float32',
    )
    .option('--top <n>', 'combinations to print', wholeNumber(1), 20)
    .option('--json', 'print JSON')
    .action((options: PlanOptions) => {
      const results = machineCases(options).map((one) => resultOf(one, options));
      const asTree = () => results.map((result) => asJson(result, options));
      const asLines = () => results.map((result) => asText(result, options)).join('\n');
      terminal.out.write(options.json ? `${JSON.stringify(asTree(), null, 2)}\n` : asLines());
    });
}

interface Result {
  readonly one: MachineCase;
  readonly plans: readonly RankedPlan[];
  /** The least that any combination needs, where all need more than they may. */
  readonly leastBytes?: number;
}

function resultOf(one: MachineCase, options: PlanOptions): Result {
  const { machine, numTokens } = one;
  const { stage, topK, mode, maxChunks, split, capacity, recompute, memoryLimit, moments } = options;
  if (memoryLimit !== undefined && !machine.recomputation)
    throw wrong('--memory-limit: expected with --model and --cluster, whose memory is known, got --costs or --share');
  if (recompute !== 'auto' && recompute !== 'off' && !machine.recomputation)
    throw wrong(
      `--recompute: expected off with --costs and --share, whose second passes are not known, got ${recompute}`,
    );
  if (moments !== 'float32' && !machine.recomputation)
    throw wrong('--moments: expected with --model and --cluster, whose memory is known, got --costs or --share');
  const plans = rankPlans({
    machine,
    stages: stage.split(',') as StageKind[],
    topK,
    kind: mode,
    moments,
    maxChunks,
    maxHalves: split === 'auto' ? 2 : 1,
    jointGate: capacity ?? false,
    ways: recomputeWays(recompute === 'auto' ? recomputations : [recompute]),
    ...(numTokens !== undefined && { numTokens }),
  });
  if (memoryLimit === undefined) return { one, plans };
  const sized = plans.map((plan) => ({ plan, bytes: bytesOfRank(plan.memory!) }));
  const found = withinMemory(sized, memoryLimit);
  if (found.fitting) return { one, plans: found.fitting.map(({ plan }) => plan) };
  return { one, plans: [], leastBytes: (found as { leastBytes: number }).leastBytes };
}

function bytesOfRank({ parameters, step }: RankMemory): number {
  return parameters + step;
}

function wrong(message: string): UserError {
  return new UserError(`${message}.`, { exitCode: 2 });
}

function nothingFits({ one, leastBytes }: Result, { memoryLimit, recompute }: PlanOptions): string {
  const more = recompute === 'auto' ? '' : ', or another --recompute';
  return (
    `${one.title}: no combination keeps to ${bytesText(memoryLimit!)} on a rank: the least is ${bytesText(leastBytes!)}. ` +
    `Fewer tokens on a rank, more ranks or --tensor-parallel take less${more}.\n`
  );
}

function asText(result: Result, options: PlanOptions): string {
  const { one, plans } = result;
  if (plans.length === 0) return nothingFits(result, options);
  const { stage, topK, mode, top, share, costs, memoryLimit } = options;
  const { title, machine, pairs } = one;
  const unit = share === undefined ? ' ms' : '';
  const time = (ms: number) => `${formatMs(ms * pairs)}${unit}`;
  // The slowest of those that are left, where none is sequential.
  const sequential = plans.find(({ choice }) => choice.kind === 'sequential') ?? plans.at(-1)!;
  const knowsMemory = machine.recomputation !== undefined;
  const error = machine.predictionError;
  const hasSeveral = stage.includes(',');
  const rows = plans
    .slice(0, top)
    .map((plan) => [
      hasSeveral ? `${plan.stage}, ${plan.name}` : plan.name,
      formatMs(plan.stepMs * pairs),
      `${(sequential.stepMs / plan.stepMs || 1).toFixed(2)}x`,
      formatMs(plan.exposedMs * pairs),
      percent(plan.hiddenFraction),
      ...(knowsMemory ? [bytesText(bytesOfRank(plan.memory!))] : []),
      plan.besideDispatch.join(' + ') || '-',
      plan.besideCombine.join(' + ') || '-',
    ]);
  const [first, second] = plans;
  const slower = plans.find(({ stepMs }) => stepMs > first!.stepMs * (1 + 1e-9));
  const rivals = [...new Set([second, slower])].filter((plan) => plan !== undefined);
  const accuracy =
    error === undefined
      ? `${costs === undefined ? 'These times are described' : 'No steps were measured beside these costs'}: no error is known.`
      : `Steps that were measured beside these costs differ from predictions by at most ${percent(error)}.`;
  return [
    `${title}: ${stage}, top-${topK}, ${mode}; ${plans.length} combinations` +
      `${memoryLimit === undefined ? '' : ` within ${bytesText(memoryLimit)} on a rank`}\n`,
    table(
      [
        ...['', `step${unit}`, 'speed-up', `exposed${unit}`, 'hidden'],
        ...(knowsMemory ? ['memory'] : []),
        ...['beside dispatch', 'beside combine'],
      ],
      rows,
    ),
    ...rivals.map((rival) => `${explainChoice(first!, rival, { error, format: time })}\n`),
    ...backwardLines(first!, pairs, time),
    `${accuracy}\n`,
  ].join('');
}

/** What the plan does beside its backward pass. */
function backwardLines({ gradients }: RankedPlan, pairs: number, time: (ms: number) => string): string[] {
  const lines: string[] = [];
  if (gradients && gradients.tailMs > 0) {
    const { parts, partBytes, exposedMs, tailMs } = gradients;
    const inGaps = parts.flatMap((stage) => Object.values(stage)).reduce((sum, number) => sum + number, 0);
    const all = `${time(tailMs / pairs)} if all travelled there`;
    lines.push(
      inGaps > 0
        ? `Gradients are averaged in parts of ${bytesText(partBytes)}: ${inGaps} of them travel where the backward pass's exchanges ` +
            `leave the network idle; ${time(exposedMs / pairs)} are left at its end, ${all}. No step above counts either.\n`
        : `Exchanges leave the network no time to average gradients beside them: ${time(tailMs / pairs)} at the end, which no step above counts.\n`,
    );
  }
  return lines;
}

function asJson(
  { one: { title, ranks, machine, pairs }, plans, leastBytes }: Result,
  { mode, topK, top, memoryLimit }: PlanOptions,
) {
  return {
    title,
    ranks,
    mode,
    topK,
    combinations: plans.length,
    predictionError: machine.predictionError,
    ...(memoryLimit !== undefined && { memoryLimit, ...(leastBytes !== undefined && { leastBytes }) }),
    plans: plans.slice(0, top).map(({ choice, backward, way, memory, stepMs, exposedMs, ...plan }) => ({
      ...plan,
      ...way,
      ...(memory && { memoryBytes: { ...memory, total: bytesOfRank(memory) } }),
      slot: choice.kind === 'sequential' ? null : choice.slot,
      chunks: choice.chunks,
      expertChunks: choice.expertChunks,
      halves: choice.halves,
      ...(choice.order && { order: choice.order }),
      ...(backward && { backward: { chunks: backward.chunks, expertChunks: backward.expertChunks } }),
      stepMs: stepMs * pairs,
      exposedMs: exposedMs * pairs,
    })),
  };
}
