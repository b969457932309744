import { ScmoeError, UserError } from '@scmoe/errors';
import { dealsRows } from '@scmoe/scheduler';
import { canCapture, type CompileFunction } from '@scmoe/tensor';
import {
  capturedExecution,
  compiledExecution,
  defaultBucketBytes,
  eagerExecution,
  isCompilable,
  type Optimizer,
  type StepExecution,
  type Trainable,
} from '@scmoe/trainer';

import type { Start } from './openStart.js';

/** How the parts of a run's steps compute. */
interface ChosenExecution {
  execution: StepExecution;
  /** What was chosen, where there was a choice. */
  lines: string[];
}

/** What a run trains besides its model's variables. */
interface Trained {
  optimizer: Optimizer;
  /** 0 where the model has none. */
  numExperts: number;
}

/**
 * Has the steps of a run compiled where the backend can, and captured on backend `scmoe`, which changes no bit of them, if nobody has
 * asked for the contrary and nothing stands against it.
 */
export function chooseExecution(start: Start, model: Trainable, { optimizer, numExperts }: Trained): ChosenExecution {
  const { compile, options, ranks } = start;
  const eager = (...lines: string[]) => ({ execution: eagerExecution(model, optimizer), lines });
  if (!compile) {
    // A capture holds memory of its own, which no prediction knows. An exchange has other sizes in each step.
    const isBounded = options.memoryLimit !== undefined;
    const isCaptured = canCapture() && options.compile && !isBounded && !ranks.groups && whyNot(start, 0) === undefined;
    return isCaptured ? { ...eager(), execution: capturedExecution(model, optimizer) } : eager();
  }
  if (!options.compile) return eager('steps: operation by operation');
  if (!isCompilable(optimizer)) return eager(`steps: operation by operation, for ${optimizer.name} can't be compiled`);
  const reason = whyNot(start, numExperts);
  if (reason !== undefined) return eager(`steps: operation by operation, for ${reason}`);
  const handOut = ranks.groups && { handOutBytes: defaultBucketBytes };
  const pieces = ranks.groups ? ', in pieces between exchanges' : '';
  return {
    execution: compiledExecution(model, optimizer, withCure(compile), handOut),
    lines: [`steps: compiled${pieces}, so the first takes a while (--no-compile: operation by operation)`],
  };
}

/** Whether `chooseExecution` will have the steps compiled. */
export function isCompiled(start: Start, optimizer: Optimizer, numExperts: number): boolean {
  const { compile, options } = start;
  return compile !== undefined && options.compile && isCompilable(optimizer) && whyNot(start, numExperts) === undefined;
}

/** What of a run can't be compiled. */
function whyNot({ ranks, options, settings }: Start, numExperts: number): string | undefined {
  if (options.trace !== undefined) return '--trace looks into a step';
  const sums = settings.lossesOver === 'step' && settings.accumulate > 1;
  if (sums) return '--losses-over step adds up what micro-batches have on the host';
  const { groups } = ranks;
  if (!groups || numExperts === 0 || groups.experts.size === 1) return undefined;
  if (groups.expertShards > 1) return '--expert-shards sends rows in as many copies as there are slices';
  if (groups.tensor && (options.tensorSchedule === 'auto' || dealsRows(options.tensorSchedule)))
    return `--tensor-schedule ${options.tensorSchedule} has to know how many rows each rank takes`;
  // Chunks of the experts have as many rows as there are, unless a capacity says it.
  const isCut = options.expertChunks !== 'auto' && options.expertChunks > 1;
  const isEven = (settings.capacityFactor ?? 0) > 0 && options.split === 'off' && groups.tensor === undefined;
  return isCut && !isEven ? '--expert-chunks has to know how many rows there are' : undefined;
}

/** The same compiler, whose refusals say what the user of a program can do. */
function withCure(compile: CompileFunction): CompileFunction {
  return (compute) => {
    const compiled = compile(compute);
    const run: typeof compiled = Object.assign(
      (...args: Parameters<typeof compiled>) => {
        try {
          return compiled(...args);
        } catch (error) {
          if (!(error instanceof ScmoeError)) throw error;
          const message = `${error.message.replace(/\.?$/, '.')} --no-compile trains operation by operation.`;
          throw new UserError(message, { cause: error });
        }
      },
      { dispose: () => compiled.dispose() },
    );
    return run;
  };
}
