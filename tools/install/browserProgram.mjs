// What the page of the browser test runs, bundled with the installed packages; the test calls what is on globalThis.
import { transformerPair } from '@scmoe/layer';
import { findAddon, randomNormal, readSafetensors, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

setWasmPaths('/node_modules/@tensorflow/tfjs-backend-wasm/dist/');

/** The model of @scmoe/layer's README, small: the mean of a sequence, through one ScMoE pair. */
function makeModel() {
  const tokens = tf.input({ shape: [8, 16] });
  const pair = transformerPair({ kind: 'scmoe', numHeads: 2, numExperts: 4, causal: false, seed: 1 });
  const mean = tf.layers.globalAveragePooling1d({}).apply(pair.apply(tokens));
  const head = tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }) });
  return tf.model({ inputs: tokens, outputs: head.apply(mean) });
}

/** Runs the model forward and trains it on a backend. @returns what happened, in plain numbers */
export async function train(backend) {
  const { line } = await useBackend(backend);
  const model = makeModel();
  const x = randomNormal([16, 8, 16], { seed: 2 });
  const y = x.mean([1, 2]).expandDims(1);
  const output = Array.from(await model.predict(x).data());

  const { grads } = tf.variableGrads(() => tf.losses.meanSquaredError(y, model.apply(x, { training: true })));
  const gradients = await Promise.all(Object.values(grads).map(async (each) => Array.from(await each.data())));

  model.compile({ optimizer: tf.train.sgd(0.2), loss: 'meanSquaredError' });
  const { history } = await model.fit(x, y, { epochs: 5, batchSize: 16, shuffle: false, verbose: 0 });
  return { line, used: tf.getBackend(), output, gradients, losses: history.loss };
}

Object.assign(globalThis, { findAddon, readSafetensors, train, useBackend });
