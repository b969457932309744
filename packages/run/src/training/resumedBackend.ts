import { UserError } from '@scmoe/errors';
import type { CompileFunction } from '@scmoe/tensor';

import { type BackendChoice, chooseBackend } from './startBackend.js';

/** The backend of a run that goes on. */
export interface ResumedBackendOptions {
  /** The option's value, and whether somebody has given it. */
  asked: string;
  isGiven: boolean;
  /** The backend on which the run was trained; undefined where it begins, and of checkpoints that don't say. */
  trainedOn: string | undefined;
}

/** The backend to start, and a line where it is another one than the run's. */
export function resumedBackend({ asked, isGiven, trainedOn }: ResumedBackendOptions): {
  backend: string;
  line?: string;
} {
  if (trainedOn === undefined || asked === trainedOn) return { backend: asked };
  if (!isGiven) return { backend: trainedOn };
  if (asked === 'auto') return { backend: asked };
  const line = `The run moves from backend ${trainedOn} to ${asked}: its numbers may differ in their last bits from here on.`;
  return { backend: asked, line };
}

/** A backend that was started. */
export interface StartedBackend {
  /** What was chosen and why, a line each. */
  lines: string[];
  /** Makes one call of a function over tensors, where the backend can. */
  compile?: CompileFunction;
}

/**
 * Starts the backend on which a run goes on: its own, unless another is asked for.
 *
 * @throws UserError where the backend can't be used, with what to do where it is that of the run
 */
export async function startResumed(
  options: ResumedBackendOptions,
  runtime: Omit<BackendChoice, 'backend'>,
): Promise<StartedBackend> {
  const { backend, line } = resumedBackend(options);
  try {
    const { line: chosen, compile } = await chooseBackend({ ...runtime, backend });
    return { lines: [chosen, ...(line === undefined ? [] : [line])], ...(compile && { compile }) };
  } catch (error) {
    if (!(error instanceof UserError) || options.isGiven || backend !== options.trainedOn) throw error;
    throw new UserError(
      `${error.message.replace(/\.?$/, '.')} The run was trained on backend ${backend}; --backend <name> moves it to another, whose last bits may differ.`,
      { exitCode: 2, cause: error },
    );
  }
}
