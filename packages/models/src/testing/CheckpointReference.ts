import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { readSafetensors, toTensor, valueAndGrads, type StoredTensor } from '@scmoe/tensor';
import { relativeError } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { LanguageModel } from '../languageModel/LanguageModel.js';
import type { ResolvedLanguageModel } from '../languageModel/ResolvedLanguageModel.js';
import { exportTensors } from '../huggingFace/tensors/exportTensors.js';
import type { TensorLink } from '../huggingFace/tensors/linkTensors.js';

/**
 * Largest allowed difference in units of a tensor's largest magnitude. The references are float32 or cast to it inside,
 * and transformers computes routers and norms in another order of the same sums.
 */
const tolerance = 1e-4;

/** What transformers computes of a checkpoint, and comparisons with it on the current backend. */
export class CheckpointReference {
  /** Inputs and outputs of a pass: `input.ids`, `output.logits`. */
  readonly tensors: Readonly<Record<string, tf.Tensor>>;
  readonly #path: string;

  private constructor(path: string, tensors: Record<string, tf.Tensor>) {
    this.#path = path;
    this.tensors = tensors;
  }

  /** Reads what is kept in the folder of a checkpoint. */
  static async read(path: string): Promise<CheckpointReference> {
    const { tensors } = await readSafetensors(join(path, 'reference.safetensors'));
    const read = Object.entries(tensors).map(([key, tensor]) => [key, toTensor(tensor)] as const);
    return new CheckpointReference(path, Object.fromEntries(read));
  }

  /** Compares with `output.<what>`, in the reference's shape. */
  expectClose(what: string, actual: tf.Tensor): void {
    const expected = this.tensors[`output.${what}`]!;
    const error = relativeError(actual.reshape(expected.shape), expected);
    expect([what, error <= tolerance]).toEqual([what, true]);
  }

  /** The batch of a language model's loss in the reference: all tokens routed, all but the last of each row scored. */
  textBatch(): { ids: tf.Tensor2D; targets: tf.Tensor2D } {
    const ids = this.tensors['input.ids'] as tf.Tensor2D;
    const next = tf.slice(ids, [0, 1], [-1, -1]);
    const targets: tf.Tensor2D = tf.concat([next, tf.fill([ids.shape[0], 1], -100, 'int32')], 1);
    return { ids, targets };
  }

  /** Compares how the texts, or their beginnings, go on when the likeliest token is always taken. */
  async expectGreedy(model: Pick<LanguageModel<ResolvedLanguageModel>, 'generate'>): Promise<void> {
    const expected = (await this.tensors['output.greedy']!.array()) as number[][];
    const maxNewTokens = expected[0]!.length;
    const rows = await (this.tensors['input.ids'] as tf.Tensor2D).array();
    const prompts = rows.map((row) => row.slice(0, promptLength(this.#path) ?? row.length));
    const greedy = await Promise.all(prompts.map((row) => model.generate(row, { maxNewTokens, temperature: 0 })));
    expect(greedy).toEqual(expected);
  }

  /** Numbers of the layers that have experts, in their order. */
  sparseLayers(): number[] {
    const numbers = Object.keys(this.tensors).map((key) => /^output\.moe(\d+)\.experts$/.exec(key)?.[1]);
    return numbers
      .filter((each) => each !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /**
   * Compares the gradients of a loss under the checkpoint's names.
   *
   * @param links which variables are which tensors of the checkpoint
   * @param zero names of gradients that are zero in exact arithmetic, such as that of a key bias without rotation: they
   *   are compared in units of the largest gradient
   * @returns the gradients of the reference that these variables have none for
   */
  async expectGradients(
    { variables, loss }: { variables: Readonly<Record<string, tf.Variable>>; loss: () => tf.Scalar },
    links: readonly TensorLink[],
    { zero = /^$/ }: { zero?: RegExp } = {},
  ): Promise<Record<string, Float32Array>> {
    const { value, grads } = tf.tidy(() => valueAndGrads(loss, variables));
    const { tensors: expected } = await readSafetensors(join(this.#path, 'gradients.safetensors'));
    const trained = links.filter(({ ours }) => ours.every(({ name }) => name in grads));
    const actual = exportTensors(trained, grads);
    const sizes = Object.values(expected).map((tensor) =>
      tf.tidy(() => tf.max(tf.abs(toTensor(tensor))).dataSync()[0]!),
    );
    const largest = Math.max(...sizes);
    for (const [key, { dtype, data, shape }] of Object.entries(actual)) {
      expect([key, key in expected]).toEqual([key, true]);
      const [found, wanted] = [toTensor({ dtype, shape, data: await data() }), toTensor(expected[key]!)];
      const error = relativeError(found, wanted, zero.test(key) ? largest : undefined);
      expect([key, error <= tolerance]).toEqual([key, true]);
      tf.dispose([found, wanted]);
    }
    tf.dispose([value, grads]);
    const others = Object.entries(expected).filter(([key]) => !(key in actual));
    return Object.fromEntries(others.map(([key, { data }]) => [key, data as Float32Array]));
  }

  /** Frees the tensors. */
  dispose(): void {
    tf.dispose(this.tensors);
  }
}

/** The configuration that a checkpoint's folder has. */
export function configIn(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as Record<string, unknown>;
}

/** Tokens of each text that the greedy continuation follows, as the index of the checkpoints says; all by default. */
function promptLength(path: string): number | undefined {
  const index = JSON.parse(readFileSync(join(path, '..', 'index.json'), 'utf8')) as {
    checkpoints: { name: string; promptLength?: number }[];
  };
  return index.checkpoints.find(({ name }) => name === basename(path))?.promptLength;
}

/** All tensors of a checkpoint's folder by name: types, shapes and values. */
export async function tensorsIn(path: string): Promise<Record<string, StoredTensor>> {
  const { tensors } = await readSafetensors(join(path, 'model.safetensors'));
  return tensors;
}

/** The weights file of a checkpoint's folder, as bytes. */
export function weightsIn(path: string): Buffer {
  return readFileSync(join(path, 'model.safetensors'));
}
