import { UserError } from '@scmoe/errors';
import { isExpertParameter, tensorAxis } from '@scmoe/layer';
import {
  DivergedError,
  divergenceCure,
  divergenceText,
  type EvaluationResult,
  listCheckpoints,
  type StepRecord,
  train,
} from '@scmoe/trainer';
import { say } from '../cli/Terminal.js';
import { MemoryWatch } from '../memory/MemoryWatch.js';
import { Alarms } from './alarms/Alarms.js';
import { divergencePolicy } from './alarms/divergencePolicy.js';
import { agreeOnReason } from './agreeOnReason.js';
import type { Parts } from './buildParts.js';
import type { Session } from './openSession.js';
import type { Start } from './openStart.js';
import type { PlannedRun } from './planRun.js';
import { rewind } from './rewind.js';
import type { StopReason } from './stopSignal.js';

/** What came of the training loop. */
export interface Outcome {
  /** Updates done. */
  step: number;
  /** Training time of the whole run, where its length is a time; else 0. */
  elapsedSeconds: number;
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
  start: Start,
  { settings, clock, learningRate }: PlannedRun,
  parts: Parts,
  session: Session,
): Promise<Outcome> {
  const { program, ranks, step: startStep } = start;
  const { groups } = ranks;
  const { recorder, progress } = session;
  let { skippedData = 0 } = settings;
  const outcome: Outcome = {
    step: startStep,
    elapsedSeconds: clock?.startSeconds ?? 0,
    finished: false,
    reason: undefined,
    losses: [],
    seconds: 0,
    validation: undefined,
  };

  const alarms = new Alarms(settings, session.alarm);
  const memory = new MemoryWatch(parts.memory);
  const onStep = async (record: StepRecord) => {
    session.checkpoints.check();
    const routers = await parts.monitor.take(groups?.data);
    // What a pass over bad numbers has counted moves nothing.
    if (record.skipped) parts.balancer.reset();
    else await parts.balancer.update(groups?.data);
    await parts.overlap?.controller.stepDone();
    const tooMuch = memory.stepDone();
    if (tooMuch !== undefined) session.alarm(tooMuch);
    const compared = memory.comparison();
    if (compared !== undefined) say(ranks.terminal, compared);
    const { elapsedSeconds = 0 } = record;
    outcome.elapsedSeconds = elapsedSeconds;
    const unitsPerSecond = parts.unitsPerStep / record.seconds;
    const { step, metrics, gradientNorm, learningRate } = record;
    const speed = { [`${program.samples.unit}PerSecond`]: unitsPerSecond };
    const placedParts = parts.overlap?.controller.numPlacedParts ?? 0;
    const placed = placedParts > 0 && { placedGradientParts: placedParts };
    const numbers = { loss: record.loss, ...metrics, gradientNorm, learningRate, ...speed, ...placed };
    if (record.skipped) return recorder.record(step, { ...numbers, skipped: 1 });
    const numAlarms = alarms.step(step, record.loss, routers);
    recorder.record(step, { ...numbers, ...(numAlarms > 0 && { alarms: numAlarms }) });
    const loss = metrics['crossEntropy']!;
    outcome.losses.push(loss);
    outcome.seconds += record.seconds;
    progress.step(step, { loss, unitsPerSecond, elapsedSeconds });
  };

  let evaluated: number | undefined;
  const evaluate = async (step: number) => {
    const { loss, metrics } = (outcome.validation = await parts.validate());
    evaluated = step;
    recorder.record(step, validationRecord({ loss, ...metrics }));
    progress.evaluation(step, loss);
  };

  const save = async (step: number, elapsedSeconds: number) => {
    const { fingerprint: dataFingerprint, description: dataDescription } = parts.data;
    const validationLoss = evaluated === step ? outcome.validation?.loss : undefined;
    const config = { ...session.config, ...(skippedData > 0 && { skippedData }), ...(clock && { elapsedSeconds }) };
    const description = { config, dataFingerprint, dataDescription, validationLoss };
    const { model, optimizer } = parts;
    const isLast = clock ? elapsedSeconds >= clock.totalSeconds : step >= settings.steps!;
    const beside = !isLast && !session.stop.signal.aborted;
    await session.checkpoints.save({ step, ...description, model, optimizer, beside, isLast });
  };

  const policy = divergencePolicy(settings, session.alarm);
  const trainFrom = (firstStep: number) =>
    train({
      model: parts.trained,
      optimizer: parts.optimizer,
      execution: parts.execution,
      drawBatch: (index) => parts.drawBatch(index + skippedData * settings.accumulate),
      learningRate,
      ...(clock ? { clock: { ...clock, startSeconds: outcome.elapsedSeconds } } : { steps: settings.steps! }),
      startStep: firstStep,
      onDivergence: policy.onDivergence,
      accumulate: settings.accumulate,
      lossesOver: settings.lossesOver,
      groups,
      ...(parts.overlap && { pacing: parts.overlap.controller.pacing }),
      isSharded: isExpertParameter,
      slicedAxis: tensorAxis,
      clip: settings.clip,
      seed: settings.seed,
      signal: session.stop.signal,
      onStep,
      evaluate,
      evalEvery: settings.evalEvery,
      save,
      saveEvery: settings.saveEvery,
    });

  /** Goes back to a checkpoint and on with the data after those of the step that has diverged, where that is wanted. */
  const trainOn = async (firstStep: number): ReturnType<typeof trainFrom> => {
    try {
      return await trainFrom(firstStep);
    } catch (error) {
      if (!(error instanceof DivergedError) || !policy.mayRewind()) throw error;
      const { divergence } = error;
      const back = await rewind(start, parts, session, session.alarm);
      if (back === undefined) throw error;
      skippedData += divergence.step - back;
      outcome.losses.length = Math.max(0, Math.min(outcome.losses.length, back - startStep));
      session.alarm(
        `${divergenceText(divergence)}. Going back to step ${back}, and on with the data after those of step ` +
          `${divergence.step} (${policy.count()}). ${divergenceCure}`,
      );
      recorder.restartAt(back);
      recorder.record(back, { rewoundFrom: divergence.step });
      return trainOn(back);
    }
  };

  try {
    const result = await trainOn(startStep);
    // What the others hear next is that all is saved.
    await session.checkpoints.finish();
    const reason = result.finished ? undefined : await agreeOnReason(session.stop.reason(), groups?.world);
    return { ...outcome, ...result, reason };
  } catch (error) {
    await session.checkpoints.close();
    const { folder } = session.checkpoints;
    throw error instanceof DivergedError && folder !== undefined ? await withLastCheckpoint(error, folder) : error;
  }
}

/** `bitsPerByte` as `validationBitsPerByte`. */
function validationRecord(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`validation${name[0]!.toUpperCase()}${name.slice(1)}`, value]),
  );
}

async function withLastCheckpoint(error: DivergedError, folder: string): Promise<UserError> {
  const last = (await listCheckpoints(folder)).at(-1);
  const where = last ? `The last good checkpoint: ${last.path}` : 'There is no checkpoint yet.';
  return new UserError(`${error.message}\n${where}`, { cause: error });
}
