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
import { outputScales, type OutputScales } from './outputScales.js';

/**
 * Deviation of a router whose weights are not normalised: its scores are alike to 1e-4 of themselves or better, and still
 * different enough in float32 to choose by. The first steps of an optimizer like Adam make it grow.
 */
const evenDeviation = 1e-6;

/** Parameters of an MLP that its output is linear in. */
const outputParameters = ['w2', 'b2', 'down', 'downBias'];

/**
 * The parameters of a model with experts, made from those of a dense one: every expert is a copy of the MLP that it replaces,
 * routers are fresh, everything else is taken over. What the caller gets it disposes, or leaves to a tidy.
 *
 * @param specs of the new model's parameters, with all experts or those of a shard
 * @throws ArgumentError where the new kind can't start as the dense model.
 */
export function upcycledParameters(
  dense: { variables: ParameterRecord; placement: Placement },
  to: ResolvedStages,
  specs: ParameterSpecs,
  { seed }: { seed: number },
): Record<string, tf.Tensor> {
  const scales = new Map(
    to.stages.flatMap((stage) => (stage.config.moe ? [[stage.name, outputScales(stage.config)] as const] : [])),
  );
  const denseNames = namesInDense(to.stages, dense.placement);
  const parameters: Record<string, tf.Tensor> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const [, block = '', ofExperts] = /^(block\d+)\.((?:router|mix|experts|shared)\..*)$/.exec(name) ?? [];
    const mlp = (weight: string) => parameter(dense.variables, `${denseNames(block, 'experts')}.${weight}`);
    parameters[name] = ofExperts
      ? expertParameter(ofExperts, spec, { name, seed, mlp, scales: scales.get(block)! })
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

function expertParameter(
  part: string,
  spec: ParameterSpec,
  { name, seed, mlp, scales }: { name: string; seed: number; mlp: (weight: string) => tf.Tensor; scales: OutputScales },
): tf.Tensor {
  const [kind, weight] = part.split('.') as [string, string];
  switch (kind) {
    case 'router':
      return initializeParameter(name, spec, { seed, ...(scales.evenScores && { standardDeviation: evenDeviation }) });
    case 'mix':
      return tf.zeros(spec.shape);
    case 'shared':
      return outputParameters.includes(weight) ? tf.mul(mlp(weight), scales.shared) : mlp(weight);
    default: {
      const copy = outputParameters.includes(weight) ? tf.mul(mlp(weight), scales.routed) : mlp(weight);
      return tf.tile(tf.expandDims(copy, 0), [spec.shape[0]!, ...copy.shape.map(() => 1)]);
    }
  }
}
