import { ScmoeError, UserError } from '@scmoe/errors';
import { canCapture, type CompileFunction } from '@scmoe/tensor';
import {
  capturedExecution,
  compiledExecution,
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
  isCompiled: boolean;
  /** What was chosen, where there was a choice. */
  lines: string[];
}

/**
 * Has the steps of a run compiled where the backend can, and captured on backend `scmoe`, which changes no bit of them, if nobody has
 * asked for the contrary and nothing stands against it.
 */
export function chooseExecution(start: Start, model: Trainable, optimizer: Optimizer): ChosenExecution {
  const { compile, options } = start;
  const eager = (...lines: string[]) => ({ execution: eagerExecution(model, optimizer), isCompiled: false, lines });
  if (!compile) {
    const isCaptured = canCapture() && options.compile && whyNot(start) === undefined;
    return isCaptured ? { ...eager(), execution: capturedExecution(model, optimizer) } : eager();
  }
  if (!options.compile) return eager('steps: operation by operation');
  if (!isCompilable(optimizer)) return eager(`steps: operation by operation, for ${optimizer.name} can't be compiled`);
  const reason = whyNot(start);
  if (reason !== undefined) return eager(`steps: operation by operation, for ${reason}`);
  return {
    execution: compiledExecution(model, optimizer, withCure(compile)),
    isCompiled: true,
    lines: ['steps: compiled, so the first takes a while (--no-compile: operation by operation)'],
  };
}

/** What of a run can't be compiled. */
function whyNot({ ranks, options, settings }: Start): string | undefined {
  if (ranks.groups) return 'several ranks exchange within a step';
  if (options.trace !== undefined) return '--trace looks into a step';
  const sums = settings.lossesOver === 'step' && settings.accumulate > 1;
  return sums ? '--losses-over step adds up what micro-batches have on the host' : undefined;
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
