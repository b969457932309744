// Rows of a compiled step that travel, and what TensorFlow was asked for meanwhile: see moe/paddedExchange.test.ts. A process of its
// own, for the stand-ins read its environment.
import { init, StoreServer, type Communicator, type Place } from '@scmoe/comm';
import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { finishPadded, startPadded, type PaddedExchange } from '../moe/paddedExchange.js';

/** What of TensorFlow's binding is watched. */
interface Binding {
  device: { name: string; type: string };
  execute(operation: string, ...rest: unknown[]): unknown;
  createTensor(...args: unknown[]): unknown;
  read(...args: unknown[]): unknown;
  devicePointer(id: number): bigint;
}

/** What a step asked for, and what it gave. */
export interface Heard {
  asked: string[];
  pointers: string[];
  result: number[][];
}

const [d, room] = [2, 5];
const { compile } = await useBackend('tensorflow', { threads: 1 });
const binding = (tf.backend() as unknown as { tensorFlow: Binding }).tensorFlow;

/** The second call of a step that computes rows, exchanges them and computes with what comes. */
function secondCall(
  exchange: Omit<PaddedExchange, 'options' | 'sendRows' | 'recvRows'>,
  before = () => undefined,
): Heard {
  const whole = { ...exchange, options: {}, sendRows: room, recvRows: room };
  const step = compile!((x: tf.Tensor2D) => tf.tidy(() => tf.add(finishPadded(startPadded(tf.mul(x, 2), whole)), 1)));
  const x = tf.tensor2d(Array.from({ length: room }, (_, row) => [row + 1, -row]));
  before();
  step(x).dispose();
  before();
  const heard: Heard = { asked: [], pointers: [], result: [] };
  const whatItIs = { ...methodsOf(binding) };
  binding.execute = (operation, ...rest) => {
    heard.asked.push(operation.startsWith('step_') ? 'piece' : operation);
    return whatItIs.execute(operation, ...rest);
  };
  for (const name of ['createTensor', 'read'] as const)
    binding[name] = (...args) => {
      heard.asked.push(name);
      return whatItIs[name](...args);
    };
  binding.devicePointer = (id) => {
    const pointer = whatItIs.devicePointer(id);
    heard.asked.push('pointer');
    heard.pointers.push(String(pointer));
    return pointer;
  };
  const y = step(x);
  Object.assign(binding, whatItIs);
  heard.result = y.arraySync() as number[][];
  return heard;
}

function methodsOf(of: Binding) {
  return {
    execute: of.execute.bind(of),
    createTensor: of.createTensor.bind(of),
    read: of.read.bind(of),
    devicePointer: of.devicePointer.bind(of),
  };
}

async function onCpu(): Promise<Heard> {
  const communicator = await init({ engine: 'self' });
  return secondCall({ communicator, counts: () => ({ sendCounts: [3], recvCounts: [3] }) });
}

/** The same on a GPU, as far as all know that ask: to the stand-in TensorFlow's memory on this CPU is managed memory. */
async function overNccl(): Promise<Heard> {
  const token = 'secret-of-the-test';
  const server = (await StoreServer.listen({ token, silenceMs: 60_000 })).unref();
  const placeOf = (rank: number): Place => ({
    ...{ rank, worldSize: 2, localRank: rank, localWorldSize: 2, restartCount: 0, source: 'a test' },
    rendezvous: { host: '127.0.0.1', port: server.port, token, servedBy: 'launcher', bind: '127.0.0.1' },
  });
  const ranks = await Promise.all([0, 1].map((rank) => init({ engine: 'nccl', place: placeOf(rank) })));
  const [communicator, other] = ranks as [Communicator, Communicator];
  Object.defineProperty(binding, 'device', { value: { ...binding.device, type: 'GPU' } });
  const heard = secondCall({ communicator, counts: () => ({ sendCounts: [1, 3], recvCounts: [1, 2] }) }, () => {
    const shares = { sendCounts: [2 * d, d], recvCounts: [3 * d, d] };
    void other.allToAllV(Float32Array.of(10, 20, 30, 40, 50, 60), shares).done;
  });
  await Promise.all(ranks.map((rank) => rank.close()));
  await server.close();
  return heard;
}

console.log(JSON.stringify({ onCpu: await onCpu(), overNccl: await overNccl() }));
