import { expectThat } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

import { resizePositions } from '../../vit/resizePositions.js';
import { Vit } from '../../vit/Vit.js';
import { resolveVit, type VitConfig } from '../../vit/VitConfig.js';
import type { Architecture, ClassifierOptions } from '../Architecture.js';

/** A family of vision transformers with a fresh classifier, or for images of another size. */
export function vitClassifier(
  family: Architecture<VitConfig, Vit>,
  { newHead, imageSize }: ClassifierOptions,
): Architecture<VitConfig, Vit> {
  const base = newHead ? withNewHead(family, newHead) : family;
  if (imageSize === undefined) return base;
  return {
    ...base,
    create(config, parameters, options) {
      const model = base.create(config, parameters, options);
      if (imageSize === config.imageSize) return model;
      try {
        return withImageSize(model, imageSize);
      } finally {
        model.dispose();
      }
    },
  };
}

function withNewHead(
  family: Architecture<VitConfig, Vit>,
  { seed, ...classes }: NonNullable<ClassifierOptions['newHead']>,
): Architecture<VitConfig, Vit> {
  const isOfHead = (name: string) => name.startsWith('head.');
  return {
    ...family,
    readConfig: (reader) => {
      const { classNames: _, ...config } = family.readConfig(reader);
      return { ...config, ...classes };
    },
    specs: (config, options) =>
      Object.fromEntries(Object.entries(family.specs(config, options)).filter(([name]) => !isOfHead(name))),
    isUnused: (name, config) => name.startsWith('classifier.') || family.isUnused!(name, config),
    create: (config, parameters, options) => {
      const fresh = new Vit(config, { seed, ...options });
      for (const [name, variable] of Object.entries(fresh.variables))
        if (!isOfHead(name)) variable.assign(parameters[name]!);
      return fresh;
    },
  };
}

function withImageSize(model: Vit, imageSize: number): Vit {
  const [before, config] = [model.config, { ...model.config, imageSize }];
  expectThat(
    imageSize % before.patchSize === 0,
    'imageSize',
    `a multiple of patchSize = ${before.patchSize}`,
    imageSize,
  );
  const sides = [resolveVit(before), resolveVit(config)].map(({ numPatches }) => Math.sqrt(numPatches));
  const [from, to] = sides as [number, number];
  const positions = resizePositions(model.variables['positions'] as tf.Variable<tf.Rank.R2>, {
    from,
    to,
    hasClassToken: true,
  });
  try {
    return new Vit(config, { parameters: { ...model.variables, positions }, experts: model.experts });
  } finally {
    positions.dispose();
  }
}
