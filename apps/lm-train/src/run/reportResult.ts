import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { StageReport } from '@scmoe/layer';
import type { Gpt } from '@scmoe/models';
import { checkpointName, type RunFolder } from '@scmoe/trainer';

import type { LanguageData } from '../data/loadData.js';
import { measureExpertLoad } from '../model/expertLoad.js';
import { commandName } from '../report/commandName.js';
import { count, duration } from '../report/format.js';
import { loadTable } from '../report/loadTable.js';
import { overlapTable } from '../report/overlapTable.js';
import { bitsPerByte } from '../report/quality.js';
import { say, type Terminal } from '../Terminal.js';
import type { LanguageQuality } from './evaluateLanguage.js';
import { sampleText } from './sampleText.js';

/** Batches over which the expert load is counted. */
const loadBatches = 4;
/** Training losses that are averaged: single batches differ too much. */
const reportedLosses = 50;

export interface TrainingResult {
  step: number;
  /** Cross-entropy of each step of this session. */
  losses: readonly number[];
  /** Time of these steps. */
  seconds: number;
  tokensPerStep: number;
  validation: LanguageQuality;
  /** Layers whose tokens travel between ranks. */
  layers: readonly StageReport[];
}

/** What a run that is complete has to show: losses, speed, expert load, text, and how to go on. */
export async function reportResult(
  terminal: Terminal,
  { gpt, data, folder, saved }: { gpt: Gpt; data: LanguageData; folder: RunFolder; saved: string },
  { step, losses, seconds, tokensPerStep, validation, layers }: TrainingResult,
  { batchSize, seed, sampleTokens }: { batchSize: number; seed: number; sampleTokens: number },
): Promise<void> {
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
  if (layers.length > 0) {
    say(terminal, 'communication of a step, ms', ...overlapTable(layers).map((line) => `  ${line}`));
  }
  if (load.length > 0) say(terminal, 'expert load, % of the tokens', ...loadTable(load).map((line) => `  ${line}`));

  if (sampleTokens > 0) {
    say(terminal, '', 'text from the model:', '');
    const sampling = { maxTokens: sampleTokens, temperature: 0.8, seed };
    let sample = '';
    await sampleText(gpt, data.tokenizer, promptOf(data), sampling, (text) => {
      sample += text;
      terminal.out.write(text);
    });
    await mkdir(folder.samplesFolder, { recursive: true });
    await writeFile(join(folder.samplesFolder, `${checkpointName(step)}.txt`), sample);
  }
  say(
    terminal,
    '',
    '',
    `saved:      ${saved}`,
    `go on:      ${commandName()} train --resume ${folder.path} --steps ${step * 2}`,
    `more text:  ${commandName()} generate ${folder.path}`,
  );
}

/** Samples start like the validation text: a vocabulary without an end-of-text token has no other start. */
function promptOf({ tokenizer, validation }: LanguageData): string {
  return tokenizer.endOfText === undefined ? tokenizer.decode([...validation.ids.subarray(0, 1)]) : '';
}
