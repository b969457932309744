import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { AdamW, cosineSchedule } from '@scmoe/tensor';
import {
  type Checkpoint,
  checkpointName,
  createRunFolder,
  DivergedError,
  findCheckpoint,
  findLatestCheckpoint,
  listCheckpoints,
  loadCheckpoint,
  randomTokenBatches,
  restoreOptimizer,
  restoreVariables,
  runFolderOf,
  saveCheckpoint,
  type StepRecord,
  train,
  UserError,
} from '@scmoe/trainer';
import { Command } from 'commander';

import { type LanguageData, loadData } from '../data/loadData.js';
import { createModel, trainable } from '../model/createModel.js';
import { measureExpertLoad } from '../model/expertLoad.js';
import { addModelOptions } from '../options/modelOptions.js';
import { wholeNumber } from '../options/parsers.js';
import { addRuntimeOptions, type RuntimeOptions } from '../options/runtimeOptions.js';
import { addTrainingOptions, defaultMinutes } from '../options/trainingOptions.js';
import { commandName } from '../report/commandName.js';
import { count, duration } from '../report/format.js';
import { loadTable } from '../report/loadTable.js';
import { modelLines } from '../report/modelLines.js';
import { showProgress } from '../report/progress.js';
import { bitsPerByte } from '../report/quality.js';
import { startBackend } from '../run/backend.js';
import { evaluateLanguage, type LanguageQuality } from '../run/evaluateLanguage.js';
import { planSteps } from '../run/planSteps.js';
import { openRecorder } from '../run/recorder.js';
import { sampleText } from '../run/sampleText.js';
import { resumedSettings, type Settings, settingsOf, toJson } from '../run/Settings.js';
import { stopSignal } from '../run/stopSignal.js';
import { say, type Terminal } from '../Terminal.js';

interface TrainCommandOptions extends RuntimeOptions {
  name: string;
  resume?: string | true;
  allowNewData?: boolean;
  fallback?: boolean;
  progress: boolean;
  sampleTokens: number;
}

/** Batches over which the expert load is counted at the end. */
const loadBatches = 4;
/** Training losses that are averaged for the last report: single batches differ too much. */
const reportedLosses = 50;

export function trainCommand(terminal: Terminal, setExitCode: (code: number) => void): Command {
  const command = new Command('train').description('Train a model, or go on with one.');
  command
    .option('--name <name>', 'first part of the name of the run folder', 'lm')
    .option('--resume [path]', "go on from a checkpoint or run folder; alone or with 'latest': from the newest run")
    .option('--allow-new-data', 'resume even though the data changed; the run is not the same run any more')
    .option('--fallback', 'when the checkpoint to resume is damaged, take the newest whole one before it')
    .option('--sample-tokens <n>', 'tokens that the trained model writes at the end; 0: none', wholeNumber(0), 400)
    .option('--no-progress', 'plain lines instead of a progress bar');
  addRuntimeOptions(addTrainingOptions(addModelOptions(command)));
  return command.action(async (options: TrainCommandOptions) => setExitCode(await run(command, options, terminal)));
}

async function run(command: Command, options: TrainCommandOptions, terminal: Terminal): Promise<number> {
  const checkpoint = options.resume === undefined ? undefined : await openCheckpoint(options, terminal);
  const settings = checkpoint ? resumedSettings(command, checkpoint) : settingsOf(command);
  const startStep = checkpoint?.index.step ?? 0;
  if (settings.steps !== undefined && startStep >= settings.steps) {
    throw new UserError(`This run is complete: ${startStep} of ${settings.steps} steps. --steps <n> makes it longer.`);
  }
  say(terminal, await startBackend({ ...options, precision: settings.precision }));

  const data = await loadData({ ...settings, tokenizer: checkpoint?.tokenizer ?? settings.tokenizer });
  say(terminal, `data: ${data.line}`);
  if (checkpoint && !options.allowNewData) checkSameData(checkpoint, data);

  const { batchSize, accumulate, sequenceLength, seed } = settings;
  const gpt = createModel(settings, data.tokenizer.vocabularySize, seed);
  const model = trainable(gpt);
  const optimizer = new AdamW({ weightDecay: settings.weightDecay });
  if (checkpoint) {
    restoreVariables(gpt.variables, checkpoint.parameters);
    restoreOptimizer(optimizer, gpt.variables, checkpoint);
  }
  const drawBatch = randomTokenBatches(data.train, { batchSize, sequenceLength, seed });
  const tokensPerStep = batchSize * accumulate * sequenceLength;
  say(terminal, ...modelLines(gpt, settings, tokensPerStep));

  if (settings.steps === undefined) {
    const minutes = settings.minutes ?? defaultMinutes;
    const { steps, secondsPerStep } = planSteps(model, drawBatch, { ...settings, minutes });
    settings.steps = steps;
    // The time was for choosing the number of steps; the run then takes as long as they take.
    delete settings.minutes;
    const speed = count(tokensPerStep / secondsPerStep);
    say(terminal, `plan: ${count(steps)} steps in about ${duration(minutes * 60)}, measured at ${speed} tokens/s`);
  }
  const { steps } = settings;
  const learningRate = scheduleOf(settings, steps);
  const config = toJson(settings);
  const folder = checkpoint
    ? runFolderOf(checkpoint.path)
    : await createRunFolder(options.runDir, options.name, config);
  // Before the line that says where the run is: whoever has read it may interrupt.
  const stop = stopSignal({
    minutes: settings.minutes,
    onInterrupt: () => say(terminal, '', 'Stopping after this step; Ctrl-C again ends at once.'),
  });
  say(terminal, `run: ${folder.path}${checkpoint ? `, resumed at step ${startStep}` : ''}`);

  const recorder = openRecorder(folder, startStep);
  const progress = showProgress(terminal, { startStep, steps, bar: options.progress });
  const losses: number[] = [];
  let seconds = 0;
  let validation: LanguageQuality | undefined;
  const validate = () => {
    return evaluateLanguage(model, data.validation, { batchSize, sequenceLength, maxBatches: settings.evalBatches });
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
      clip: settings.clip,
      seed,
      signal: stop.signal,
      onStep: (record: StepRecord) => {
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
        const content = {
          step,
          config,
          dataFingerprint: data.fingerprint,
          tokenizer: data.tokenizer.description,
          parameters: gpt.variables,
          optimizer: { name: 'AdamW', stepCount: optimizer.stepCount, state: optimizer.state() },
        };
        try {
          await saveCheckpoint(folder.checkpointsFolder, content, { keep: settings.keep });
        } finally {
          Object.values(content.optimizer.state).forEach((tensor) => tensor.dispose());
        }
      },
    });
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    const last = (await listCheckpoints(folder.checkpointsFolder)).at(-1);
    throw new UserError(
      `${error.message}\n${last ? `The last good checkpoint: ${last.path}` : 'There is no checkpoint yet.'}`,
      {
        cause: error,
      },
    );
  } finally {
    stop.dispose();
    progress.stop();
    recorder.close();
  }

  const saved = join(folder.checkpointsFolder, checkpointName(result.step));
  if (!result.finished) {
    const why = stop.reason() === 'time' ? 'The time is up' : 'Interrupted';
    say(terminal, `${why} after step ${result.step} of ${steps}; saved: ${saved}`);
    say(terminal, `go on:    ${commandName()} train --resume ${folder.path}`);
    return stop.reason() === 'time' ? 0 : 130;
  }

  validation ??= await validate();
  const recent = losses.slice(-reportedLosses);
  const trainingLoss = recent.reduce((a, b) => a + b, 0) / recent.length;
  const load = await measureExpertLoad(gpt, data.validation, { batchSize, maxBatches: loadBatches });
  say(
    terminal,
    '',
    `training loss    ${trainingLoss.toFixed(4)} (${bitsPerByte(trainingLoss, data.train).toFixed(3)} bits per byte), mean of the last ${recent.length} steps`,
    `validation loss  ${validation.loss.toFixed(4)} (${validation.bitsPerByte.toFixed(3)} bits per byte), over ${count(validation.numTokens)} tokens`,
    `speed            ${count((losses.length * tokensPerStep) / seconds)} tokens/s, ${duration(seconds)} of training steps`,
  );
  if (load.length > 0) say(terminal, 'expert load, % of the tokens', ...loadTable(load).map((line) => `  ${line}`));

  if (options.sampleTokens > 0) {
    say(terminal, '', 'text from the model:', '');
    const sampling = { maxTokens: options.sampleTokens, temperature: 0.8, seed };
    let sample = '';
    await sampleText(gpt, data.tokenizer, promptOf(data), sampling, (text) => {
      sample += text;
      terminal.out.write(text);
    });
    await mkdir(folder.samplesFolder, { recursive: true });
    await writeFile(join(folder.samplesFolder, `${checkpointName(result.step)}.txt`), sample);
  }
  say(
    terminal,
    '',
    '',
    `saved:      ${saved}`,
    `go on:      ${commandName()} train --resume ${folder.path} --steps ${steps * 2}`,
    `more text:  ${commandName()} generate ${folder.path}`,
  );
  return 0;
}

async function openCheckpoint(options: TrainCommandOptions, terminal: Terminal): Promise<Checkpoint> {
  const { resume, runDir, fallback } = options;
  const path =
    resume === true || resume === 'latest' ? await findLatestCheckpoint(runDir) : await findCheckpoint(resume!);
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

/** Samples start like the validation text: a vocabulary without an end-of-text token has no other start. */
function promptOf({ tokenizer, validation }: LanguageData): string {
  return tokenizer.endOfText === undefined ? tokenizer.decode([...validation.ids.subarray(0, 1)]) : '';
}
