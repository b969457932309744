import { callHost } from '@scmoe/tensor';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { tensorFlowProblem } from '../testing/tensorFlowProblem.js';
import { useTensorFlow } from '../testing/useTensorFlow.js';
import { compileStep } from './compileStep.js';

describeUnless(tensorFlowProblem(), 'calls of the host in a compiled step', () => {
  beforeAll(() => useTensorFlow());
  afterEach(() => tf.disposeVariables());

  const options = { eagerFirst: false, compile: false };
  const vector = { dtype: 'float32', shape: [2] } as const;
  const numbers = (x: tf.Tensor) => Array.from(x.dataSync());

  it('cut it: pieces run around them in their order, and get what they give', () => {
    const heard: (string | number[])[] = [];
    const w = tf.variable(tf.tensor1d([1, 2]));
    const start = (x: tf.Tensor) =>
      callHost({
        name: 'start',
        inputs: [x],
        outputs: [],
        run: ([given]) => (heard.push('start', numbers(given!)), []),
      });
    const wait = () =>
      callHost({ name: 'wait', inputs: [], outputs: [vector], run: () => [tf.tensor1d([10, heard.push('wait')])] })[0]!;
    const step = compileStep((x: tf.Tensor1D) => {
      const sent = tf.mul(x, w);
      start(sent);
      const beside = tf.add(x, 1);
      const came = wait();
      w.assign(tf.add(w, came));
      return { y: tf.add(tf.add(beside, came), sent), sent, w };
    }, options);
    const x = tf.tensor1d([3, 4]);
    const before = tf.memory().numTensors;
    // Twice, then recorded again and compared.
    for (const [first, second] of [
      [1, 2],
      [11, 5],
      [21, 11],
      [31, 20],
    ] as const) {
      const places = heard.length;
      const { y, sent, w: now } = step(x);
      expect(heard.slice(places)).toEqual(['start', [3 * first, 4 * second], 'wait']);
      expect(numbers(sent)).toEqual([3 * first, 4 * second]);
      expect(numbers(y)).toEqual([4 + 10 + 3 * first, 5 + places + 3 + 4 * second]);
      expect(numbers(now)).toEqual(numbers(w));
      tf.dispose([y, sent, now]);
    }
    expect(step.forms()).toEqual([{ operations: expect.any(Number) as number, pieces: 3, calls: 4 }]);
    expect(tf.memory().numTensors).toBe(before);
    step.dispose();
  });

  it('make no piece where they are no cut: what they take comes later, what they give was there before', () => {
    const heard: number[][] = [];
    const step = compileStep((x: tf.Tensor1D) => {
      const doubled = tf.mul(x, 2);
      const run = ([given]: readonly tf.Tensor[]) => (heard.push(numbers(given!)), []);
      callHost({ name: 'hear', inputs: [doubled], outputs: [], isCut: false, run });
      const give = () => [tf.tensor1d([heard.length, 1])];
      const [given] = callHost({ name: 'give', inputs: [], outputs: [vector], isCut: false, run: give });
      return tf.add(tf.square(doubled), given!);
    }, options);
    const [first, second] = [step(tf.tensor1d([1, 2])), step(tf.tensor1d([1, 3]))];
    expect([numbers(first), numbers(second)]).toEqual([
      [4, 17],
      [5, 37],
    ]);
    expect(heard).toEqual([
      [2, 4],
      [2, 6],
    ]);
    expect(step.forms()[0]!.pieces).toBe(1);
    tf.dispose([first, second]);
    step.dispose();
  });

  it('leave variables and tensors as they were where one fails, or gives something else', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    let answer: () => tf.Tensor[] = () => [tf.tensor1d([1, 1])];
    const step = compileStep((x: tf.Tensor1D) => {
      w.assign(tf.add(w, x));
      const [came] = callHost({ name: 'ask', inputs: [w], outputs: [vector], run: () => answer() });
      return tf.add(came!, w);
    }, options);
    const x = tf.tensor1d([1, 1]);
    step(x).dispose();
    const before = tf.memory().numTensors;
    answer = () => {
      throw new Error('rank 1 is gone');
    };
    expect(() => step(x)).toThrow('rank 1 is gone');
    answer = () => [tf.tensor1d([1, 2, 3])];
    expect(() => step(x)).toThrow('compileStep: ask: expected float32 [2], as it was recorded, got float32 [3]');
    expect(tf.memory().numTensors).toBe(before);
    expect(numbers(w)).toEqual([2, 3]);
    step.dispose();
  });

  it('have to be the same at each call', () => {
    let name = 'one';
    const step = compileStep((x: tf.Tensor1D) => {
      callHost({ name, inputs: [x], outputs: [], run: () => [] });
      return tf.neg(x);
    }, options);
    const x = tf.tensor1d([1]);
    step(x).dispose();
    name = 'another';
    expect(() => step(x)).toThrow(/not the same at each call: another is called at .*hostCalls\.test\.ts/);
  });
});
