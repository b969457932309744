import { init } from '@scmoe/comm';
import {
  ExpertParallelDispatcher,
  initializePair,
  resolvePair,
  runPair,
  transformerPair,
  type PairConfig,
} from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

const tokens: tf.SymbolicTensor = tf.input({ shape: [32, 64] });
const pair = transformerPair({ kind: 'scmoe', numHeads: 4, numExperts: 8, causal: false });
const outputs = pair.apply(tokens) as tf.SymbolicTensor;
const model: tf.LayersModel = tf.model({ inputs: tokens, outputs });
model.summary();

const config: PairConfig = { kind: 'scmoe', dModel: 64, numHeads: 4, numExperts: 8 };
const communicator = await init();
const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 8 });
const { y, routing } = runPair(
  tf.randomNormal<tf.Rank.R3>([2, 32, 64]),
  initializePair(config, { seed: 1 }),
  resolvePair(config),
  { dispatcher },
);
console.log(y.shape, routing?.capacity);
