// What the page of the browser test runs, bundled with the installed packages; the test calls what is on globalThis.
import { transformerPair } from '@scmoe/layer';
import { Gpt, loadPretrained } from '@scmoe/models';
import { AdamW, findAddon, randomNormal, readSafetensors, useBackend } from '@scmoe/tensor';
import { byteTokenizer, randomTokenBatches, tokenizeCorpus, train } from '@scmoe/trainer';
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
export async function fitPair(backend) {
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

/** Trains a language model on a text by @scmoe/trainer's loop, and lets it go on. @returns the losses and what it writes */
export async function trainText(backend) {
  await useBackend(backend);
  const text = 'abcdefgh'.repeat(40);
  const tokenizer = byteTokenizer();
  const tokens = tokenizeCorpus([{ name: 'text', bytes: new TextEncoder().encode(text) }], tokenizer);
  const moe = { kind: 'scmoe', numExperts: 4 };
  const size = { numLayers: 2, dModel: 32, numHeads: 4, sequenceLength: 16 };
  const model = new Gpt({ vocabSize: tokenizer.vocabSize, ...size, moe }, { seed: 1 });
  const losses = [];
  await train({
    model,
    optimizer: new AdamW(),
    drawBatch: randomTokenBatches(tokens, { batchSize: 4, sequenceLength: 16, seed: 2 }),
    learningRate: () => 0.01,
    steps: 30,
    onStep: ({ loss }) => void losses.push(loss),
  });
  const written = await model.generate([...new TextEncoder().encode('abc')], { maxNewTokens: 8, temperature: 0 });
  return { losses, written: tokenizer.decode(written) };
}

Object.assign(globalThis, { findAddon, fitPair, loadPretrained, readSafetensors, trainText, useBackend });
