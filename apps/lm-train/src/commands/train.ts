import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { ExpertParallelDispatcher, isExpertParameter } from '@scmoe/layer';
import { AdamW, cosineSchedule } from '@scmoe/tensor';
import {
  type Checkpoint,
  checkAccumulate,
  checkAgreement,
  checkpointName,
  createRunFolder,
  DivergedError,
  findCheckpoint,
  findLatestCheckpoint,
  listCheckpoints,
  loadCheckpoint,
  type RunFolder,
  randomTokenBatches,
  runFolderOf,
  saveCheckpoint,
  type StepRecord,
  train,
} from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';
import { Command } from 'commander';

import { type LanguageData, loadData } from '../data/loadData.js';
import { createModel, trainable } from '../model/createModel.js';
import { addModelOptions } from '../options/modelOptions.js';
import { wholeNumber } from '../options/parsers.js';
import { addOverlapOptions, type OverlapFlags } from '../options/overlapOptions.js';
import { addRankOptions, type RankFlags } from '../options/rankOptions.js';
import { addRuntimeOptions, type RuntimeOptions } from '../options/runtimeOptions.js';
import { addTrainingOptions, defaultMinutes } from '../options/trainingOptions.js';
import { commandName } from '../report/commandName.js';
import { count, duration } from '../report/format.js';
import { modelLines } from '../report/modelLines.js';
import { noProgress, showProgress } from '../report/progress.js';
import { startBackend } from '../run/backend.js';
import { evaluateLanguage, type LanguageQuality } from '../run/evaluateLanguage.js';
import { asUserError, joinRanks, type Ranks } from '../run/joinRanks.js';
import { openModel } from '../run/openModel.js';
import { openOverlap } from '../run/openOverlap.js';
import { planSteps } from '../run/planSteps.js';
import { noRecorder, openRecorder } from '../run/recorder.js';
import { reportResult } from '../run/reportResult.js';
import { openRestarts } from '../run/restarts.js';
import { RouterBalancer } from '../run/RouterBalancer.js';
import { resumedSettings, type Settings, settingsOf, toJson } from '../run/Settings.js';
import { stopSignal } from '../run/stopSignal.js';
import { restoreState, wholeState } from '../run/trainingState.js';
import { say, type Terminal } from '../Terminal.js';

interface TrainCommandOptions extends RuntimeOptions, RankFlags, OverlapFlags {
  name: string;
  resume?: string | true;
  allowNewData?: boolean;
  fallback?: boolean;
  progress: boolean;
  sampleTokens: number;
}

export function trainCommand(terminal: Terminal, setExitCode: (code: number) => void): Command {
  const command = new Command('train').description('Train a model, or go on with one.');
  command
    .option('--name <name>', 'first part of the name of the run folder', 'lm')
    .option('--resume [path]', "go on from a checkpoint or run folder; alone or with 'latest': from the newest run")
    .option('--allow-new-data', 'resume even though the data changed; the run is not the same run any more')
    .option('--fallback', 'when the checkpoint to resume is damaged, take the newest whole one before it')
    .option('--sample-tokens <n>', 'tokens that the trained model writes at the end; 0: none', wholeNumber(0), 400)
    .option('--no-progress', 'plain lines instead of a progress bar');
  addOverlapOptions(addRankOptions(addRuntimeOptions(addTrainingOptions(addModelOptions(command)))));
  return command.action(async (options: TrainCommandOptions) => {
    const ranks = await joinRanks(options, terminal);
    try {
      setExitCode(await run(command, options, ranks));
    } catch (error) {
      throw asUserError(error);
    } finally {
      // After a failure too: ranks that fail for the same reason then leave together, each with its own words.
      await ranks.close();
    }
  });
}

async function run(command: Command, options: TrainCommandOptions, ranks: Ranks): Promise<number> {
  const { terminal, groups, rank, size } = ranks;
  const isChief = rank === 0;
  const restarts = openRestarts(options.runDir);
  const earlier = await restarts.lastCheckpoint();
  if (earlier) say(terminal, `restart ${restarts.count}: going on from ${earlier}`);
  else if (isChief) await restarts.remember(undefined);
  const checkpoint = await openCheckpoint({ ...options, ...(earlier && { resume: earlier }) }, terminal);
  const settings = checkpoint ? resumedSettings(command, checkpoint) : settingsOf(command);
  // A time without a number of steps was for planning them, which the first start has done.
  if (earlier && settingsOf(command).steps === undefined) delete settings.minutes;
  const startStep = checkpoint?.index.step ?? 0;
  if (settings.steps !== undefined && startStep >= settings.steps) {
    throw new UserError(`This run is complete: ${startStep} of ${settings.steps} steps. --steps <n> makes it longer.`);
  }
  const backend = await startBackend({ ...options, precision: settings.precision });
  say(terminal, backend, ...(ranks.line ? [ranks.line] : []));

  const data = await loadData({ ...settings, tokenizer: checkpoint?.tokenizer ?? settings.tokenizer });
  say(terminal, `data: ${data.line}`);
  if (checkpoint && !options.allowNewData) checkSameData(checkpoint, data);
  if (groups) {
    await checkAgreement(groups.world, {
      'the settings': JSON.stringify(toJson(settings)),
      '--overlap, --chunks and --trace': JSON.stringify([options.overlap, options.chunks, options.trace !== undefined]),
      'the data': data.fingerprint,
      'the step of the checkpoint': String(startStep),
    });
  }

  const accumulate = (settings.accumulate ??= size);
  checkAccumulate(accumulate, size);
  const { batchSize, sequenceLength, seed } = settings;
  const gpt = createModel(settings, data.tokenizer.vocabSize, seed, groups?.experts);
  const dispatcher =
    groups && settings.kind !== 'dense'
      ? new ExpertParallelDispatcher({ communicator: groups.experts, numExperts: settings.numExperts })
      : undefined;
  const overlap = await openOverlap(options, settings, groups);
  const balancer = new RouterBalancer(gpt, settings.biasUpdateRate);
  const model = trainable(gpt, { dispatcher, overlap: overlap?.controller, balancer });
  const optimizer = new AdamW({ weightDecay: settings.weightDecay });
  const state = { gpt, optimizer, groups };
  if (checkpoint) restoreState(state, checkpoint);
  const drawBatch = randomTokenBatches(data.train, { batchSize, sequenceLength, seed });
  const tokensPerStep = batchSize * accumulate * sequenceLength;
  say(terminal, ...modelLines(gpt, settings, tokensPerStep));

  if (settings.steps === undefined) {
    const minutes = settings.minutes ?? defaultMinutes;
    const plan = { ...settings, minutes, microBatches: accumulate / size };
    const { steps, secondsPerStep } = await planSteps(model, drawBatch, plan, groups?.world);
    settings.steps = steps;
    balancer.reset();
    // The time was for choosing the number of steps; the run then takes as long as they take.
    delete settings.minutes;
    const speed = count(tokensPerStep / secondsPerStep);
    say(terminal, `plan: ${count(steps)} steps in about ${duration(minutes * 60)}, measured at ${speed} tokens/s`);
  }
  const { steps } = settings;
  const learningRate = scheduleOf(settings, steps);
  const config = toJson(settings);
  const folder = isChief ? await openFolder(checkpoint, options, config) : undefined;
  if (folder) await restarts.remember(folder.path);
  // Before the line that says where the run is: whoever has read it may interrupt.
  const stop = stopSignal({
    minutes: settings.minutes,
    onInterrupt: () => say(terminal, '', 'Stopping after this step; Ctrl-C again ends at once.'),
  });
  if (folder) say(terminal, `run: ${folder.path}${checkpoint ? `, resumed at step ${startStep}` : ''}`);

  const recorder = folder ? openRecorder(folder, startStep) : noRecorder;
  const progress = isChief ? showProgress(terminal, { startStep, steps, bar: options.progress }) : noProgress;
  const losses: number[] = [];
  let seconds = 0;
  let validation: LanguageQuality | undefined;
  const validate = () => {
    const shape = { batchSize, sequenceLength, maxBatches: settings.evalBatches };
    return evaluateLanguage(model, data.validation, shape, groups?.world);
  };
  let result: Awaited<ReturnType<typeof train>>;
  try {
    result = await train({
      model,
      optimizer,
      drawBatch,
      learningRate,
      steps,
      startStep,
      accumulate,
      groups,
      isSharded: isExpertParameter,
      clip: settings.clip,
      seed,
      signal: stop.signal,
      onStep: async (record: StepRecord) => {
        await balancer.update(groups?.world);
        await overlap?.controller.stepDone();
        const tokensPerSecond = tokensPerStep / record.seconds;
        const { step, metrics, gradientNorm, learningRate } = record;
        recorder.record(step, { loss: record.loss, ...metrics, gradientNorm, learningRate, tokensPerSecond });
        losses.push(metrics['crossEntropy']!);
        seconds += record.seconds;
        progress.step(step, { loss: metrics['crossEntropy']!, tokensPerSecond });
      },
      evalEvery: settings.evalEvery,
      evaluate: async (step) => {
        validation = await validate();
        recorder.record(step, { validationLoss: validation.loss, validationBitsPerByte: validation.bitsPerByte });
        progress.evaluation(step, validation.loss);
      },
      saveEvery: settings.saveEvery,
      save: async (step) => {
        const { parameters, optimizer } = await wholeState(state);
        const content = { step, config, dataFingerprint: data.fingerprint, tokenizer: data.tokenizer.description };
        try {
          if (folder) {
            const whole = { ...content, parameters, optimizer };
            await saveCheckpoint(folder.checkpointsFolder, whole, { keep: settings.keep });
          }
        } finally {
          tf.dispose([parameters, optimizer.state]);
        }
      },
    });
  } catch (error) {
    if (!(error instanceof DivergedError) || !folder) throw error;
    const last = (await listCheckpoints(folder.checkpointsFolder)).at(-1);
    throw new UserError(
      `${error.message}\n${last ? `The last good checkpoint: ${last.path}` : 'There is no checkpoint yet.'}`,
      { cause: error },
    );
  } finally {
    stop.dispose();
    progress.stop();
    recorder.close();
  }

  await overlap?.close();
  const reason = stop.reason() ?? 'interrupted';
  const exitCode = result.finished || reason === 'time' ? 0 : 130;
  if (!folder) {
    if (result.finished) validation ??= await validate();
    return exitCode;
  }
  const saved = join(folder.checkpointsFolder, checkpointName(result.step));
  if (!result.finished) {
    const why = reason === 'time' ? 'The time is up' : 'Interrupted';
    await restarts.forget();
    say(terminal, `${why} after step ${result.step} of ${steps}; saved: ${saved}`);
    say(terminal, `go on:    ${commandName()} train --resume ${folder.path}`);
    return exitCode;
  }

  validation ??= await validate();
  await restarts.forget();
  // The others are done: this rank shows the whole model, which the checkpoint has.
  const whole = groups ? (await openModel(saved, options.runDir)).gpt : gpt;
  const subject = { gpt: whole, data, folder, saved };
  const layers = groups ? (overlap?.controller.report() ?? []) : [];
  const outcome = { step: result.step, losses, seconds, tokensPerStep, validation, layers };
  await reportResult(terminal, subject, outcome, { batchSize, seed, sampleTokens: options.sampleTokens });
  return 0;
}

function openFolder(
  checkpoint: Checkpoint | undefined,
  { runDir, name }: TrainCommandOptions,
  config: ReturnType<typeof toJson>,
): RunFolder | Promise<RunFolder> {
  return checkpoint ? runFolderOf(checkpoint.path) : createRunFolder(runDir, name, config);
}

async function openCheckpoint(
  { resume, runDir, fallback }: TrainCommandOptions,
  terminal: Terminal,
): Promise<Checkpoint | undefined> {
  if (resume === undefined) return undefined;
  const path =
    resume === true || resume === 'latest' ? await findLatestCheckpoint(runDir) : await findCheckpoint(resume);
  return loadCheckpoint(path, {
    ...(fallback && {
      fallback: (problem: UserError) => say(terminal, `${problem.message} Taking the one before it.`),
    }),
  });
}

function checkSameData({ path, index }: Checkpoint, { fingerprint }: LanguageData): void {
  if (index.dataFingerprint === fingerprint) return;
  throw new UserError(
    `The data changed since ${path} was saved: expected fingerprint ${index.dataFingerprint.slice(0, 16)}, got ${fingerprint.slice(0, 16)}. ` +
      '--data names the data; --allow-new-data goes on with other data.',
  );
}

function scheduleOf({ lr, minLr = lr / 10, warmup }: Settings, steps: number): (step: number) => number {
  const warmupSteps = warmup ?? Math.min(100, Math.floor(steps / 20));
  try {
    return cosineSchedule({ peak: lr, minimum: minLr, warmupSteps, totalSteps: steps });
  } catch (error) {
    throw new UserError(`The learning rate can't be scheduled: ${(error as Error).message}`, {
      exitCode: 2,
      cause: error,
    });
  }
}
