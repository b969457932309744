// One rank of the communication benchmark: answers each line on standard input with one JSON line. peers/rank_torch.py
// answers the same questions.
import { createInterface } from 'node:readline';

import { init } from '@scmoe/comm';
import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

await useBackend('scmoe', { threads: 1 });
const rss = () => process.memoryUsage().rss;
const bytesBefore = rss();
const communicator = await init({ timeoutMs: 60_000 });
const { rank, size } = communicator;
const bytesAfter = rss();

const a = tf.fill([512, 512], 0.5);
const b = tf.fill([512, 512], 0.5);
let input = new Float32Array(0);
let output = new Float32Array(0);

/** Data of `bytes` a rank, its pages touched. */
function prepare(bytes: number): void {
  if (input.byteLength === bytes) return;
  input = new Float32Array(bytes / 4).fill(rank + 1);
  output = new Float32Array(bytes / 4).fill(0);
}

function startEven() {
  return communicator.allToAll(input, { output });
}

/** A quarter stays and the rest goes on in equal shares: with two ranks, three quarters cross the link. */
function startUneven() {
  const kept = input.length / 4;
  const counts = Array.from({ length: size }, (_, other) =>
    other === rank ? kept : (input.length - kept) / (size - 1),
  );
  return communicator.allToAllV(input, { sendCounts: counts, recvCounts: counts }, { output });
}

function multiply(products: number): void {
  for (let i = 0; i < products; i++) tf.matMul(a, b).dispose();
}

/** Seconds of `work`, which all ranks begin together. */
function timed(work: () => void): { seconds: number } {
  communicator.barrier().wait();
  const begin = performance.now();
  work();
  return { seconds: (performance.now() - begin) / 1000 };
}

/** Microseconds of each call, and of its part until the call returned. */
function latencies(start: () => { wait(): unknown }, calls: number) {
  const starting: number[] = [];
  const whole: number[] = [];
  for (let i = 0; i < calls; i++) {
    const begin = performance.now();
    const work = start();
    starting.push((performance.now() - begin) * 1000);
    work.wait();
    whole.push((performance.now() - begin) * 1000);
  }
  return { starting, whole };
}

const answers: Record<string, (...numbers: number[]) => unknown> = {
  even: (bytes) => {
    prepare(bytes);
    return timed(() => startEven().wait());
  },
  uneven: (bytes) => {
    prepare(bytes);
    return timed(() => startUneven().wait());
  },
  compute: (products) => timed(() => multiply(products)),
  overlap: (bytes, products) => {
    prepare(bytes);
    return timed(() => {
      const work = startEven();
      multiply(products);
      work.wait();
    });
  },
  allReduce: (bytes, calls) => {
    prepare(bytes);
    return latencies(() => communicator.allReduce(input, { output }), calls);
  },
  allToAll: (bytes, calls) => {
    prepare(bytes);
    return latencies(startEven, calls);
  },
  memory: () => ({ bytesBefore, bytesAfter, bytesNow: rss(), peakBytes: process.resourceUsage().maxRSS * 1024 }),
};

const say = (answer: unknown) => process.stdout.write(`${JSON.stringify(answer)}\n`);
say({ version: `ScMoE (${communicator.engine})` });
for await (const line of createInterface({ input: process.stdin })) {
  const [question, ...numbers] = line.split(' ');
  say(answers[question!]!(...numbers.map(Number)));
}
await communicator.close();
process.exit(0);
