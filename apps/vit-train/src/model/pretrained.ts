import { asUserError, UserError } from '@scmoe/errors';
import { loadPretrained, readPretrainedConfig, sliceOfParameter, upcycle, Vit } from '@scmoe/models';
import { say, type Terminal } from '@scmoe/run';
import * as tf from '@tensorflow/tfjs';

import type { Settings } from '../options/Settings.js';

/**
 * Settings of a run that starts from the model in the folder `init`: the sizes are that model's, and so is the size of the
 * pictures, unless another one is given. It stays dense unless a kind of experts is asked for.
 *
 * @throws UserError for a folder that can't be read, and for a given setting that the model does not have
 */
export async function pretrainedSettings(settings: Settings, given: (name: string) => boolean): Promise<Settings> {
  if (settings.init === undefined) return settings;
  const config = await asUserError(() => readPretrainedConfig(settings.init!, { as: Vit }), '--init');
  const { numClasses: _, classNames: __, numChannels: ___, imageSize, placement, ...sizes } = config;
  const fixed = { ...sizes, patchStride: sizes.patchSize, stem: 'patches', pooling: 'class', norm: 'layer' };
  // Pairs need an even number of blocks; whoever asks for them with an odd one is told so.
  const ofExperts = { placement: sizes.numLayers % 2 === 0 || given('placement') ? settings.placement : placement };
  const isDense = !given('kind') || settings.kind === 'dense';
  const own = { ...fixed, ...(isDense && { placement, kind: 'dense' }) };
  const asked: Readonly<Record<string, unknown>> = { ...settings };
  for (const [name, value] of Object.entries(own)) {
    if (!given(name) || asked[name] === value) continue;
    const [expected, got] = [value, asked[name]].map((each) => JSON.stringify(each));
    throw new UserError(`${name}: expected ${expected} as in ${settings.init}, got ${got}.`, { exitCode: 2 });
  }
  const size = given('imageSize') ? settings.imageSize : imageSize;
  return { ...settings, ...ofExperts, ...own, imageSize: size } as Settings;
}

/**
 * Gives a model the parameters of the one in the folder `init`, its MLPs to experts where the model has some, and its
 * classifier only where the classes are the same; and says so.
 */
export async function startFromPretrained(
  model: Vit,
  { init, imageSize, seed }: Settings,
  classNames: readonly string[],
  terminal: Terminal,
): Promise<void> {
  if (init === undefined) return;
  const theirs = await asUserError(() => readPretrainedConfig(init, { as: Vit }), '--init');
  const hasHead = JSON.stringify(theirs.classNames) === JSON.stringify(classNames);
  const newHead = { numClasses: classNames.length, classNames, seed };
  const dense = await asUserError(
    () => loadPretrained(init, { as: Vit, imageSize, ...(!hasHead && { newHead }) }),
    '--init',
  );
  const { moe, placement } = model.config;
  const { numExperts } = model;
  // Whole matrices of the experts here: a folder knows no slices.
  const { rank, size, shards = 1 } = model.experts;
  const experts = { rank: Math.floor(rank / shards), size: size / shards };
  const start = await asUserError(
    () => (numExperts > 0 ? upcycle(dense, moe!, { seed, placement, experts }) : dense),
    '--init',
  );
  tf.tidy(() => {
    for (const [name, variable] of Object.entries(model.variables))
      variable.assign(sliceOfParameter(model, name, start.variables[name]!));
  });
  const numLayers = Object.keys(model.variables).filter((name) => name.endsWith('.router.weight')).length;
  const sides = [theirs.imageSize, imageSize].map((size) => size / theirs.patchSize);
  const notes = [
    `parameters of ${init}`,
    numExperts > 0 &&
      `${numLayers === 1 ? 'the MLP of 1 block' : `the MLPs of ${numLayers} blocks`} copied to ${numExperts} experts each, routers drawn`,
    sides[0] !== sides[1] &&
      `position embeddings interpolated from ${sides[0]} x ${sides[0]} to ${sides[1]} x ${sides[1]}`,
    !hasHead && `a new head for ${classNames.length} classes`,
  ];
  say(terminal, `start: ${notes.filter((note) => note !== false).join('; ')}`);
  for (const used of new Set([dense, start])) used.dispose();
}
