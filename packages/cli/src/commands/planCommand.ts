import type { Terminal } from '@scmoe/comm/launch';
import { explainChoice, formatMs, rankPlans, type RankedPlan, type RunKind, type StageKind } from '@scmoe/scheduler';
import { Command } from 'commander';

import { machineCases, machineOptions, type MachineCase, type MachineOptions } from './machineCases.js';
import { oneOf, wholeNumber } from './parsers.js';
import { percent, table } from './table.js';

interface PlanOptions extends MachineOptions {
  readonly stage: string;
  readonly topK: number;
  readonly mode: RunKind;
  readonly maxChunks: number;
  readonly split: 'auto' | 'off';
  readonly capacity?: boolean;
  readonly top: number;
  readonly json?: boolean;
}

/** `scmoe plan`: the best combinations of all axes, what each hides, and why the first wins. */
export function planCommand(terminal: Terminal): Command {
  return machineOptions(new Command('plan'))
    .description(
      'Ranks all ways to hide the exchanges of a stage: slot, chunks of the tokens, chunks of the experts of a rank, halves of the batch or the sequence.',
    )
    .option('--stage <kinds>', 'the stage of the model, or several to compare, such as standard,pos2,pos3', 'pos2')
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
    .option('--top <n>', 'combinations to print', wholeNumber(1), 20)
    .option('--json', 'print JSON')
    .action((options: PlanOptions) => {
      const results = machineCases(options).map((one) => ({ one, plans: plansOf(one, options) }));
      const asTree = () => results.map((result) => asJson(result, options));
      const asLines = () => results.map((result) => asText(result, options)).join('\n');
      terminal.out.write(options.json ? `${JSON.stringify(asTree(), null, 2)}\n` : asLines());
    });
}

interface Result {
  readonly one: MachineCase;
  readonly plans: readonly RankedPlan[];
}

function plansOf({ machine, numTokens }: MachineCase, { stage, topK, mode, maxChunks, split, capacity }: PlanOptions) {
  const stages = stage.split(',') as StageKind[];
  return rankPlans({
    machine,
    stages,
    topK,
    kind: mode,
    maxChunks,
    maxHalves: split === 'auto' ? 2 : 1,
    jointGate: capacity ?? false,
    ...(numTokens !== undefined && { numTokens }),
  });
}

function asText({ one, plans }: Result, { stage, topK, mode, top, share, costs }: PlanOptions): string {
  const { title, machine, pairs } = one;
  const unit = share === undefined ? ' ms' : '';
  const time = (ms: number) => `${formatMs(ms * pairs)}${unit}`;
  const sequential = plans.find(({ choice }) => choice.kind === 'sequential')!;
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
    `${title}: ${stage}, top-${topK}, ${mode}; ${plans.length} combinations\n`,
    table(['', `step${unit}`, 'speed-up', `exposed${unit}`, 'hidden', 'beside dispatch', 'beside combine'], rows),
    ...rivals.map((rival) => `${explainChoice(first!, rival, { error, format: time })}\n`),
    `${accuracy}\n`,
  ].join('');
}

function asJson({ one: { title, ranks, machine, pairs }, plans }: Result, { mode, topK, top }: PlanOptions) {
  return {
    title,
    ranks,
    mode,
    topK,
    combinations: plans.length,
    predictionError: machine.predictionError,
    plans: plans.slice(0, top).map(({ choice, stepMs, exposedMs, ...plan }) => ({
      ...plan,
      slot: choice.kind === 'sequential' ? null : choice.slot,
      chunks: choice.chunks,
      expertChunks: choice.expertChunks,
      halves: choice.halves,
      ...(choice.order && { order: choice.order }),
      stepMs: stepMs * pairs,
      exposedMs: exposedMs * pairs,
    })),
  };
}
