import { UserError } from '@scmoe/errors';
import { isExpertParameter } from '@scmoe/layer';
import {
  DivergedError,
  type EvaluationResult,
  listCheckpoints,
  type RunFolder,
  type StepRecord,
  train,
} from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { agreeOnReason } from './agreeOnReason.js';
import type { Parts } from './buildParts.js';
import type { Session } from './openSession.js';
import type { Start } from './openStart.js';
import type { PlannedRun } from './planRun.js';
import type { StopReason } from './stopSignal.js';
import { wholeState } from './trainingState.js';

/** What came of the training loop. */
export interface Outcome {
  /** Updates done. */
  step: number;
  finished: boolean;
  /** Why it stopped before it was finished, the same on all ranks. */
  reason: StopReason | undefined;
  /** Cross-entropy of each step of this session. */
  losses: number[];
  /** The time of these steps. */
  seconds: number;
  /** The last evaluation, where there was one after the last step. */
  validation: EvaluationResult | undefined;
}

/**
 * Trains until all steps are done or the session is told to stop, and records, shows and saves what there is.
 *
 * @throws UserError when training diverges, with the last good checkpoint
 */
export async function trainSession(
  { program, ranks: { groups }, step: startStep }: Start,
  { settings, learningRate }: PlannedRun,
  parts: Parts,
  session: Session,
): Promise<Outcome> {
  const { recorder, progress } = session;
  const outcome: Outcome = {
    step: startStep,
    finished: false,
    reason: undefined,
    losses: [],
    seconds: 0,
    validation: undefined,
  };

  const onStep = async (record: StepRecord) => {
    session.writer?.check();
    await parts.balancer.update(groups?.world);
    await parts.overlap?.controller.stepDone();
    const unitsPerSecond = parts.unitsPerStep / record.seconds;
    const { step, metrics, gradientNorm, learningRate } = record;
    const speed = { [`${program.samples.unit}PerSecond`]: unitsPerSecond };
    recorder.record(step, { loss: record.loss, ...metrics, gradientNorm, learningRate, ...speed });
    const loss = metrics['crossEntropy']!;
    outcome.losses.push(loss);
    outcome.seconds += record.seconds;
    progress.step(step, { loss, unitsPerSecond });
  };

  let evaluated: number | undefined;
  const evaluate = async (step: number) => {
    const { loss, metrics } = (outcome.validation = await parts.validate());
    evaluated = step;
    recorder.record(step, validationRecord({ loss, ...metrics }));
    progress.evaluation(step, loss);
  };

  const save = async (step: number) => {
    const { parameters, optimizer } = await wholeState({ ...parts, groups });
    const { fingerprint: dataFingerprint, description: dataDescription } = parts.data;
    const validationLoss = evaluated === step ? outcome.validation?.loss : undefined;
    const description = { config: session.config, dataFingerprint, dataDescription };
    try {
      session.lock?.check();
      await session.writer?.save({ step, ...description, validationLoss, parameters, optimizer });
    } finally {
      tf.dispose([parameters, optimizer.state]);
    }
  };

  try {
    const result = await train({
      model: parts.trained,
      optimizer: parts.optimizer,
      drawBatch: parts.drawBatch,
      learningRate,
      steps: settings.steps,
      startStep,
      accumulate: settings.accumulate,
      groups,
      isSharded: isExpertParameter,
      clip: settings.clip,
      seed: settings.seed,
      signal: session.stop.signal,
      onStep,
      evaluate,
      evalEvery: settings.evalEvery,
      save,
      saveEvery: settings.saveEvery,
    });
    // What the others hear next is that all is saved.
    await session.writer?.finish();
    const reason = result.finished ? undefined : await agreeOnReason(session.stop.reason(), groups?.world);
    return { ...outcome, ...result, reason };
  } catch (error) {
    await session.writer?.close();
    throw error instanceof DivergedError && session.folder ? await withLastCheckpoint(error, session.folder) : error;
  }
}

/** `bitsPerByte` as `validationBitsPerByte`. */
function validationRecord(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`validation${name[0]!.toUpperCase()}${name.slice(1)}`, value]),
  );
}

async function withLastCheckpoint(error: DivergedError, { checkpointsFolder }: RunFolder): Promise<UserError> {
  const last = (await listCheckpoints(checkpointsFolder)).at(-1);
  const where = last ? `The last good checkpoint: ${last.path}` : 'There is no checkpoint yet.';
  return new UserError(`${error.message}\n${where}`, { cause: error });
}
