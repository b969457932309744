import { join } from 'node:path';

import { nameText } from '@scmoe/errors';
import { measureClasses } from '@scmoe/models';
import { measureExpertLoad, nextLines, resultLines, say, type TrainingResult } from '@scmoe/run';
import { checkpointName } from '@scmoe/trainer';

import { picturesOf } from '../evaluateVision.js';
import type { VisionTypes } from '../VisionTypes.js';
import { writePictures } from './writePictures.js';

/** Batches over which expert load and classes are counted. */
const reportedBatches = 8;

/** What a complete run has to show: losses, accuracy by class, speed, expert load, pictures, and how to go on. */
export async function reportResult(result: TrainingResult<VisionTypes>): Promise<void> {
  const { model, data, settings, folder, step, validation, terminal } = result;
  const { classNames } = data.described;
  const batches = () => picturesOf(data.validation, { ...settings, ...data.described, evalBatches: reportedBatches });
  const load = await measureExpertLoad(model, batches());
  const accuracy = Object.entries(validation.metrics).map(([name, share]) => `${name} ${(100 * share).toFixed(1)} %`);
  const inWords = (_: number, split: string) => (split === 'training' ? '' : accuracy.join(', '));
  say(terminal, '', ...resultLines(result, { inWords, load }));

  const measures = await measureClasses(model, batches(), classNames.length);
  const shares = classNames.map((name, i) => `${nameText(name)} ${(100 * measures.confusion[i]![i]!).toFixed(0)} %`);
  say(terminal, `accuracy by class ${shares.slice(0, 20).join(', ')}${shares.length > 20 ? ', ...' : ''}`);
  const pictures = await writePictures(join(folder.samplesFolder, checkpointName(step)), measures, classNames);
  say(terminal, '', ...pictures.map((path) => `picture:    ${path}`));
  say(terminal, ...nextLines(result, { 'all of it': `eval ${folder.path}` }));
}
