import { ScmoeError, UserError } from '@scmoe/errors';
import { loadPretrainedVit, readPretrainedVitConfig, type Vit } from '@scmoe/models';
import * as tf from '@tensorflow/tfjs';

import type { Settings } from '../options/Settings.js';

/**
 * Settings of a run that starts from the model in the folder `init`: the sizes are that model's, and so is the size of the
 * pictures, unless another one is given.
 *
 * @throws UserError for a folder that can't be read, and for a given setting that the model does not have
 */
export async function pretrainedSettings(settings: Settings, given: (name: string) => boolean): Promise<Settings> {
  if (settings.init === undefined) return settings;
  const config = await asUserError(readPretrainedVitConfig(settings.init));
  const { numClasses: _, classNames: __, numChannels: ___, imageSize, ...sizes } = config;
  const own = {
    ...sizes,
    patchStride: sizes.patchSize,
    stem: 'patches',
    pooling: 'class',
    norm: 'layer',
    kind: 'dense',
  };
  const asked: Readonly<Record<string, unknown>> = { ...settings };
  for (const [name, value] of Object.entries(own)) {
    if (!given(name) || asked[name] === value) continue;
    const [expected, got] = [value, asked[name]].map((each) => JSON.stringify(each));
    throw new UserError(`${name}: expected ${expected} as in ${settings.init}, got ${got}.`, { exitCode: 2 });
  }
  return { ...settings, ...own, imageSize: given('imageSize') ? settings.imageSize : imageSize } as Settings;
}

/** Gives a model the parameters of the one in the folder `init`; its classifier only where the classes are the same. */
export async function startFromPretrained(
  model: Vit,
  { init, imageSize, seed }: Settings,
  classNames: readonly string[],
): Promise<void> {
  if (init === undefined) return;
  const { classNames: theirs = [] } = await asUserError(readPretrainedVitConfig(init));
  const newHead = { numClasses: classNames.length, classNames, seed };
  const isSame = theirs.join('\n') === classNames.join('\n');
  const pretrained = await asUserError(loadPretrainedVit(init, { imageSize, ...(!isSame && { newHead }) }));
  tf.tidy(() => {
    for (const [name, variable] of Object.entries(model.variables)) variable.assign(pretrained.variables[name]!);
  });
  pretrained.dispose();
}

/** A folder that is not as it should be is its user's to mend. */
async function asUserError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UserError || !(error instanceof ScmoeError)) throw error;
    throw new UserError(`--init: ${error.message}`, { cause: error });
  }
}
