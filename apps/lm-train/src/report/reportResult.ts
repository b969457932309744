import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { plainText } from '@scmoe/errors';
import { measureExpertLoad, nextLines, resultLines, say, type TrainingResult } from '@scmoe/run';
import { checkpointName, makeFolder, sequentialTokenBatches } from '@scmoe/trainer';

import type { LanguageData } from '../data/loadData.js';
import type { LanguageTypes } from '../LanguageTypes.js';
import { sampleText } from '../sampleText.js';
import { bitsPerByte } from './bitsPerByte.js';

/** Batches over which the expert load is counted. */
const loadBatches = 4;

/** What a complete run has to show: losses, speed, expert load, text, and how to go on. */
export async function reportResult(result: TrainingResult<LanguageTypes>): Promise<void> {
  const { model, data, settings, flags, folder, terminal } = result;
  const batches = sequentialTokenBatches(data.validation, { ...settings, maxBatches: loadBatches });
  const load = await measureExpertLoad(model, batches);
  const inWords = (loss: number, split: 'training' | 'validation') =>
    `${bitsPerByte(loss, split === 'training' ? data.train : data.validation).toFixed(3)} bits per byte`;
  say(terminal, '', ...resultLines(result, { inWords, load }), ...teacherLines(result));
  // All is saved: text is written faster by plain matrices.
  model.mergeAdapter();
  if (flags.sampleTokens > 0) await writeSample(result);
  say(terminal, '', '', ...nextLines(result, { 'more text': `generate ${folder.path}` }));
}

/** How far a student is from its teacher, on the text that validates. */
function teacherLines({ validation: { metrics } }: TrainingResult<LanguageTypes>): string[] {
  const { kl, agreement, teacherCrossEntropy } = metrics;
  if (kl === undefined) return [];
  const same = `the same next token for ${(100 * agreement!).toFixed(1)} %`;
  return [`teacher: validation loss ${teacherCrossEntropy!.toFixed(4)}; student: KL ${kl.toFixed(4)} nats, ${same}`];
}

async function writeSample({
  model,
  data,
  settings: { seed },
  flags: { sampleTokens: maxTokens },
  folder: { samplesFolder },
  step,
  terminal,
}: TrainingResult<LanguageTypes>): Promise<void> {
  say(terminal, '', 'text from the model:', '');
  let sample = '';
  await sampleText(model, data.tokenizer, promptOf(data), { maxTokens, temperature: 0.8, seed }, (text) => {
    sample += text;
    terminal.out.write(plainText(text));
  });
  await makeFolder(samplesFolder);
  await writeFile(join(samplesFolder, `${checkpointName(step)}.txt`), sample);
}

/** Samples start like the validation text: a vocabulary without an end-of-text token has no other start. */
function promptOf({ tokenizer, validation }: LanguageData): string {
  return tokenizer.endOfText === undefined ? tokenizer.decode([...validation.ids.subarray(0, 1)]) : '';
}
