import { expectThat } from '@scmoe/errors';
import {
  initializeParameter,
  parameter,
  type ParameterRecord,
  type ParameterSpec,
  type ParameterSpecs,
} from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

import { layerName } from '../stages/layerName.js';
import type { Placement, ResolvedStages, Stage } from '../stages/resolveStages.js';
import { channelScales, type ExpertChannels } from './ExpertChannels.js';
import { expertStack, hiddenAxes, type Variation } from './expertStack.js';
import { outputScales, type OutputScales } from './outputScales.js';

/** What experts are made of besides copies of the MLP. */
export interface ExpertSource extends Variation {
  /** Channels of the MLP that experts have in place of all, by the name of the block with experts: `block1`. */
  channels?: Readonly<Record<string, ExpertChannels>>;
}

/**
 * Deviation of a router whose weights are not normalised: its scores are alike to 1e-4 of themselves or better, and still
 * different enough in float32 to choose by. The first steps of an optimizer like Adam make it grow.
 */
const evenDeviation = 1e-6;

/** Parameters of an MLP that its output is linear in. */
const outputParameters = ['w2', 'b2', 'down', 'downBias'];

/**
 * The parameters of a model with experts, made from those of a dense one: every expert is a copy of the MLP that it replaces,
 * varied or cut to channels of it, routers are fresh, everything else is taken over. What the caller gets it disposes, or leaves to a tidy.
 *
 * @param specs of the new model's parameters, with all experts or those of a shard
 * @throws ArgumentError where the new kind can't start as the dense model.
 */
export function upcycledParameters(
  dense: { variables: ParameterRecord; placement: Placement },
  to: ResolvedStages,
  specs: ParameterSpecs,
  { seed, channels, ...variation }: ExpertSource & { seed: number },
): Record<string, tf.Tensor> {
  const blocks = to.stages.filter(({ config }) => config.moe);
  if (channels)
    expectThat(
      blocks.every(({ name }) => channels[name]),
      'channels',
      `those of ${namesOf(blocks)}`,
      Object.keys(channels),
    );
  const scales = new Map(
    blocks.map(({ name, config }) => [name, channels ? channelScales(config, channels[name]!) : outputScales(config)]),
  );
  const denseNames = namesInDense(to.stages, dense.placement);
  const parameters: Record<string, tf.Tensor> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const [, block = '', ofExperts] = /^(block\d+)\.((?:router|mix|experts|shared)\..*)$/.exec(name) ?? [];
    const mlp = (weight: string) => parameter(dense.variables, `${denseNames(block, 'experts')}.${weight}`);
    parameters[name] = ofExperts
      ? expertParameter(ofExperts, spec, {
          ...{ block, seed, mlp, variation },
          ...{ scales: scales.get(block)!, channels: channels?.[block] },
        })
      : parameter(dense.variables, nameInDense(name, denseNames));
  }
  return parameters;
}

type DenseNames = (block: string, part: string) => string;

/** What a parameter of a block is in the dense model: the norms of experts and of the shortcut are those of the MLP. */
function nameInDense(name: string, denseNames: DenseNames): string {
  const match = /^(block\d+)\.(\w+)\.(\w+)$/.exec(name);
  if (!match) return name;
  const [, block, part, rest] = match as unknown as [string, string, string, string];
  return `${denseNames(block, part)}.${rest}`;
}

/** Where a part of the new model, such as `attn2` of `block1`, is in the dense one. */
function namesInDense(stages: readonly Stage[], placement: Placement | undefined): DenseNames {
  const names = new Map<string, string>();
  stages.forEach(({ kind, name, config }, index) => {
    const layers = kind === 'pair' ? [2 * index, 2 * index + 1] : [index];
    for (const layer of layers) {
      for (const part of ['normAttn', 'attn', 'normMlp', 'mlp']) {
        names.set(layerName(layer, part, kind === 'pair' ? 'pairs' : 'every')!, layerName(layer, part, placement)!);
      }
    }
    if (!config.moe) return;
    const last = layers.at(-1)!;
    for (const part of ['normMoe', 'normShortcut'])
      names.set(`${name}.${part}`, layerName(last, 'normMlp', placement)!);
    // In a pair `mlp` is the first block's own; experts are made from the second's.
    names.set(`${name}.experts`, layerName(last, 'mlp', placement)!);
  });
  return (block, part) => names.get(`${block}.${part}`)!;
}

interface Origin {
  block: string;
  seed: number;
  /** A parameter of the MLP. */
  mlp: (weight: string) => tf.Tensor;
  scales: OutputScales;
  channels: ExpertChannels | undefined;
  variation: Variation;
}

function expertParameter(
  part: string,
  spec: ParameterSpec,
  { block, seed, mlp, scales, ...source }: Origin,
): tf.Tensor {
  const [kind, weight] = part.split('.') as [string, string];
  const { channels, variation } = source;
  switch (kind) {
    case 'router':
      return initializeParameter(`${block}.${part}`, spec, {
        seed,
        ...(scales.evenScores && { standardDeviation: evenDeviation }),
      });
    case 'mix':
      return tf.zeros(spec.shape);
    case 'shared': {
      const copy = outputParameters.includes(weight) ? tf.mul(mlp(weight), scales.shared) : mlp(weight);
      const axis = hiddenAxes[weight];
      return channels?.shared && axis !== undefined ? tf.gather(copy, [...channels.shared], axis) : copy;
    }
    default: {
      // What the MLP adds whatever its channels do is the shared expert's, where there is one.
      if (channels?.shared && hiddenAxes[weight] === undefined) return tf.zeros(spec.shape);
      const copy = outputParameters.includes(weight) ? tf.mul(mlp(weight), scales.routed) : mlp(weight);
      return expertStack(copy, spec, { block, weight, seed, channels: channels?.experts, ...variation });
    }
  }
}

function namesOf(stages: readonly Stage[]): string {
  return stages.map(({ name }) => name).join(', ');
}
