import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { nameText, plainText } from '@scmoe/errors';
import { addOptions, runtimeOptions, type RuntimeOptions, type Terminal, wholeNumber } from '@scmoe/run';
import { makeFolder } from '@scmoe/trainer';
import { type NamedPicture, preprocess, readPictures } from '@scmoe/trainer/images';
import * as tf from '@tensorflow/tfjs';
import { Command } from 'commander';

import { resizing } from '../data/loadPictures.js';
import { openVisionModel } from '../openVisionModel.js';
import { attentionCovers, expertCovers } from '../predict/covers.js';
import { drawPatches } from '../predict/drawPatches.js';

interface PredictOptions extends RuntimeOptions {
  checkpoint: string;
  top: number;
  json?: boolean;
  attention?: string;
  experts?: string;
}

/** The command that says what pictures show. */
export function predictCommand(terminal: Terminal): Command {
  const command = new Command('predict')
    .description('Say what pictures show. Only predictions go to the standard output.')
    .argument('<pictures...>', 'files, folders, or - for a picture on the standard input')
    .option('--checkpoint <path>', "checkpoint or run folder, or 'latest'", 'latest')
    .option('--top <n>', 'classes to name, the likeliest ones', wholeNumber(1), 3)
    .option('--json', 'a JSON object a line')
    .option('--attention <folder>', 'write where the model looks in each picture, as SVG')
    .option('--experts <folder>', 'write which patch goes to which expert, as SVG, one for each layer with experts');
  addOptions(command, runtimeOptions());
  return command.action(async (paths: string[], options: PredictOptions) => {
    const aside = { ...terminal, out: terminal.err };
    const { model, settings, described } = await openVisionModel(options.checkpoint, options, aside);
    const { imageSize } = settings;
    const preprocessing = { ...resizing(imageSize), ...described.normalization };
    let number = 0;
    for await (const picture of readPictures(paths)) {
      const { data } = preprocess(picture.image, preprocessing);
      const pixels = tf.tensor4d(data, [1, imageSize, imageSize, 3]);
      const probabilities = tf.tidy(() => tf.softmax(model.forward(pixels).logits).flatten());
      const best = bestOf(await probabilities.data(), described.classNames, options.top);
      terminal.out.write(options.json ? jsonLine(picture.name, best) : textLine(picture.name, best));
      const prefix = `${String(number++).padStart(4, '0')}-${basename(picture.name).replace(/[^\w.-]/g, '_')}`;
      const draw = { imageSize, prefix };
      if (options.attention !== undefined)
        await write(options.attention, picture, [await attentionCovers(model, pixels)], { ...draw, what: 'attention' });
      if (options.experts !== undefined)
        await write(options.experts, picture, await expertCovers(model, pixels), { ...draw, what: 'experts' });
      tf.dispose([pixels, probabilities]);
    }
  });
}

interface Prediction {
  label: string;
  probability: number;
}

function bestOf(probabilities: ArrayLike<number>, classNames: readonly string[], top: number): Prediction[] {
  return Array.from(probabilities, (probability, i) => ({ label: classNames[i]!, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

function jsonLine(name: string, predictions: readonly Prediction[]): string {
  return JSON.stringify({ picture: name, predictions }) + '\n';
}

function textLine(name: string, predictions: readonly Prediction[]): string {
  const words = predictions.map(({ label, probability }) => `${nameText(label)} ${(100 * probability).toFixed(1)} %`);
  return `${plainText(name)}: ${words.join(', ')}\n`;
}

const pictures = {
  attention: { title: 'where the model looks', caption: 'The darker a patch, the less attention it gets.' },
  experts: {
    title: 'expert of each patch',
    caption: 'The number of the first expert that takes a patch; - where none did.',
  },
};

async function write(
  folder: string,
  { name, image }: NamedPicture,
  layers: Awaited<ReturnType<typeof expertCovers>>,
  { imageSize, prefix, what }: { imageSize: number; prefix: string; what: keyof typeof pictures },
): Promise<void> {
  await makeFolder(folder);
  const { title: subject, caption } = pictures[what];
  for (const [layer, covers] of layers.entries()) {
    const [of, where] = layers.length > 1 ? [`${what}-${layer}`, `, layer ${layer}`] : [what, ''];
    const title = `${basename(name)}: ${subject}${where}`;
    await writeFile(
      join(folder, `${prefix}.${of}.svg`),
      await drawPatches(image, covers, { imageSize, title, caption }),
    );
  }
}
