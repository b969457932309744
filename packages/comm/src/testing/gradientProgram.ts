// A rank's program: a loss through an exchange and back, with other work in between. Sends this rank's gradients.
import * as tf from '@tensorflow/tfjs';
import { useBackend, valueAndGrads } from '@scmoe/tensor';
import { sendResult } from '@scmoe/testing';

import { finishAllToAllV, startAllToAllV } from '../exchange/allToAllV.js';
import { init } from '../init/init.js';

await useBackend('auto', { threads: 1 });
const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
const { rank, size } = world;
const count = (a: number, b: number) => (a * 2 + b) % size;
const ranks = Array.from({ length: size }, (_, other) => other);
const sendCounts = ranks.map((b) => count(rank, b));
const recvCounts = ranks.map((a) => count(a, rank));
const rows = ranks.flatMap((b) =>
  Array.from({ length: sendCounts[b]! }, (_, i) => [0, 1].map((j) => rank + 0.5 * b + 0.25 * i + 0.125 * j)),
);
const x = tf.variable(tf.tensor2d(rows.flat(), [rows.length, 2]));
const received = recvCounts.reduce((a, b) => a + b, 0);
const weights = tf.tensor2d(
  Array.from({ length: received * 2 }, (_, i) => (rank + 1) * (Math.floor(i / 2) + 1)),
  [received, 2],
);
const loss = (v: tf.Tensor) => {
  const there = startAllToAllV(v.mul<tf.Tensor2D>(3), sendCounts, recvCounts, world);
  const meanwhile = v.mul(0).sum();
  const arrived = finishAllToAllV(there);
  const back = startAllToAllV(arrived.square().mul<tf.Tensor2D>(weights), recvCounts, sendCounts, world);
  return finishAllToAllV(back).sum().add<tf.Scalar>(meanwhile);
};
const { value, grads } = valueAndGrads(() => loss(x), { x });
const before = tf.memory().numTensors;
const again = valueAndGrads(() => loss(x), { x });
tf.dispose([again.value, again.grads]);
if (tf.memory().numTensors !== before) throw new Error(`${tf.memory().numTensors - before} tensors left behind`);
const [viaTfGrads] = tf.grads(loss)([x]);
await world.close();
value.dispose();
await sendResult({ grads: Array.from(grads['x']!.dataSync()), viaTfGrads: Array.from(viaTfGrads!.dataSync()) });
