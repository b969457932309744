import { jest } from '@jest/globals';
import { AdamW, callHost, groupedFfn } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { describeWithTensorFlow } from '../testing/describeWithTensorFlow.js';
import { useTensorFlow } from '../testing/useTensorFlow.js';
import { compileStep, type CompiledStep } from './compileStep.js';

describeWithTensorFlow('variables of a compiled step that lie together', () => {
  let tensorFlow: TensorFlowBinding;
  beforeAll(async () => {
    tensorFlow = await useTensorFlow();
  });
  afterEach(() => tf.disposeVariables());

  const numbers = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
  const wave = (size: number, from: number) => tf.tensor1d(Array.from({ length: size }, (_, i) => Math.sin(from + i)));

  /**
   * AdamW on two parameters, which a kernel of ours updates; `rest` is what the step does besides. Twice the same, of which one goes by
   * compiled steps and the other by eager ones.
   */
  const train = (
    rest: (own: Record<'a' | 'b', tf.Variable>, before: readonly tf.Tensor[]) => void = () => undefined,
  ) => {
    const make = () => {
      const own = { a: tf.variable(wave(5, 1)), b: tf.variable(wave(3, 2)) };
      const optimizer = new AdamW({ weightDecay: 0.2 });
      optimizer.prepare(own);
      const update = (x: tf.Tensor, rates: tf.Tensor) =>
        tf.tidy(() => {
          const before = [own.a.clone(), own.b.clone()];
          optimizer.update(own, { a: tf.mul(own.a, x), b: tf.mul(own.b, x) }, { rates });
          rest(own, before);
          return tf.sum(own.a);
        });
      return { own, optimizer, update };
    };
    const [compiled, eager] = [make(), make()];
    const step = compileStep(compiled.update, { eagerFirst: false });
    const both = [
      { ...compiled, update: step as typeof compiled.update },
      { ...eager, update: eager.update },
    ];
    const run = (x = 1, { only = both }: { only?: typeof both } = {}) => {
      for (const { update, optimizer } of only) {
        const [input, rates] = [tf.scalar(x), tf.tensor1d(optimizer.advance(0.1))];
        tf.dispose([update(input, rates), input, rates]);
      }
    };
    const all = ({ own, optimizer }: typeof compiled) => {
      const state = optimizer.state();
      const values = [...Object.values(own), ...Object.values(state)].map(numbers);
      tf.dispose(state);
      return values.flat();
    };
    const expectSame = () => {
      const [got, expected] = [all(compiled), all(eager)];
      got.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6));
    };
    // The backend keeps small numbers of eager steps as constants, other ones at each.
    const runCompiled = () => run(1, { only: both.slice(0, 1) });
    return { run, runCompiled, expectSame, step: step as CompiledStep<never, unknown>, compiled, eager };
  };

  it('have the values of eager steps, whatever the program reads, clones and assigns between', () => {
    const { run, expectSame, step, compiled, eager } = train();
    run();
    expectSame();
    run(2);
    const clones = [compiled, eager].map(({ own }) => own.b.clone());
    run(3);
    expectSame();
    expect(numbers(clones[0]!)).not.toEqual(numbers(compiled.own.b));
    const kept = clones.map(numbers);
    for (const { own } of [compiled, eager]) own.a.assign(own.a.mul(-2));
    run(4);
    expectSame();
    // A clone of a value, assigned to another.
    for (const { own, optimizer } of [compiled, eager]) own.b.assign(optimizer.state()['m.b'] as tf.Tensor1D);
    run(5);
    expectSame();
    expect(clones.map(numbers)).toEqual(kept);
    kept[0]!.forEach((value, i) => expect(value).toBeCloseTo(kept[1]![i]!, 5));
    step.dispose();
    expectSame();
    for (const { own } of [compiled, eager]) own.a.assign(tf.ones([5]));
    expectSame();
  });

  it('get new values by other operations as well, in whole or from each other', () => {
    const { run, expectSame, step } = train(({ a, b }) => {
      const before = b.clone();
      b.assign(tf.slice(a, 1, 3));
      a.assign(tf.concat([before, tf.ones([2])]));
    });
    for (let i = 1; i < 4; i++) run(i);
    expectSame();
    step.dispose();
  });

  it('are read before the host has its turn, and get their values after it', () => {
    const { run, expectSame, step, compiled, eager } = train(({ a, b }) => {
      const outputs = [{ dtype: 'float32', shape: [3] } as const];
      const turn = ([x]: readonly tf.Tensor[]) => [tf.tidy(() => tf.mul<tf.Tensor>(x!, 2))];
      const [twice] = callHost({ name: 'twice', inputs: [b], outputs, run: turn });
      a.assign(tf.add(a, tf.sum(twice!)));
    });
    for (let i = 1; i < 5; i++) {
      run(i / 2);
      expectSame();
      for (const { own } of [compiled, eager]) own.b.assign(tf.mul(own.b, 0.5));
    }
    expect(step.forms()[0]!.pieces).toBe(2);
    step.dispose();
  });

  it('keep what a kernel has written over and the program takes back', () => {
    const { run, expectSame, step } = train(({ a, b }, [beforeA, beforeB]) => {
      b.assign(tf.add(beforeB!, tf.sum(b)));
      a.assign(beforeA!);
    });
    for (let i = 1; i < 4; i++) run(i);
    expectSame();
    step.dispose();
  });

  it('have no new value before the host has had its last turn, where the step may fail', () => {
    let isFailing = false;
    const outputs = [{ dtype: 'float32', shape: [3] } as const];
    const turn = ([x]: readonly tf.Tensor[]) => {
      if (isFailing) throw new Error('the host has failed');
      return [tf.tidy(() => tf.mul<tf.Tensor>(x!, 2))];
    };
    const { run, runCompiled, expectSame, step, eager } = train(({ a, b }, [beforeA]) => {
      const [twice] = callHost({ name: 'twice', inputs: [b], outputs, run: turn });
      a.assign(tf.add(beforeA!, tf.sum(twice!)));
    });
    for (let i = 1; i < 4; i++) {
      run(i);
      isFailing = true;
      expect(runCompiled).toThrow('the host has failed');
      isFailing = false;
      eager.optimizer.advance(0.1); // counted by both
      expectSame();
    }
    step.dispose();
  });

  it('are as they were where the first call fails, and lost where a later one does', () => {
    const rows = tf.ones<tf.Rank.R2>([4, 2]);
    const own = { w1: tf.variable(tf.ones([2, 2, 3])), w2: tf.variable(tf.ones([2, 3, 2])) };
    const optimizer = new AdamW();
    optimizer.prepare(own);
    const update = (counts: tf.Tensor, rates: tf.Tensor) =>
      tf.tidy(() => {
        const y = groupedFfn(rows, counts, own, { activation: 'gelu' });
        optimizer.update(own, { w1: tf.mul(own.w1, 2), w2: tf.mul(own.w2, tf.sum(y)) }, { rates });
        return tf.sum(y);
      });
    const step = compileStep(update, { eagerFirst: false });
    const reads = compileStep(() => tf.tidy(() => tf.sum(own.w1)), { eagerFirst: false });
    const [right, wrong] = [tf.tensor1d([1, 3], 'int32'), tf.tensor1d([1, 4], 'int32')];
    const rates = tf.tensor1d([0.1, 0.1, 1]);
    expect(() => step(wrong, rates)).toThrow(/groupedFfn: counts\[1\]/);
    expect(new Set([...numbers(own.w1), ...numbers(own.w2)])).toEqual(new Set([1]));
    step(right, rates);
    expect(numbers(own.w1)[0]).toBeLessThan(1);
    const kept = own.w2.clone();
    const before = numbers(kept);
    expect(() => step(wrong, rates)).toThrow(/groupedFfn: counts\[1\]/);
    const state = optimizer.state();
    for (const use of [() => numbers(own.w1), () => numbers(state['v.w2']!), () => step(right, rates), () => reads()])
      expect(use).toThrow(/value of the variable '.*' is lost since a call of a compiled step failed/);
    expect(numbers(kept)).toEqual(before);
    for (const compiled of [step, reads]) compiled.dispose();
  });

  it('are shared by steps that XLA compiles and steps that it does not', () => {
    const { run, expectSame, step, compiled, eager } = train();
    const bothOf = ({ a, b }: typeof compiled.own, x: tf.Tensor) =>
      tf.tidy(() => (a.assign(tf.mul(a, x)), tf.sum(tf.concat([a, b]))));
    const others = [true, false].map((compile) =>
      compileStep((x: tf.Tensor) => bothOf(compiled.own, x), { compile, eagerFirst: false }),
    );
    for (let i = 0; i < 3; i++) {
      run(i);
      for (const other of others) {
        const sums = [other(tf.scalar(0.9)), bothOf(eager.own, tf.scalar(0.9))].map((sum) => numbers(sum)[0]!);
        expect(sums[0]).toBeCloseTo(sums[1]!, 5);
      }
      expectSame();
    }
    step.dispose();
    for (const other of others) tf.dispose(other(tf.scalar(1)));
    for (const { a } of [eager.own]) a.assign(tf.mul(a, 1));
    expectSame();
    for (const other of others) other.dispose();
    expectSame();
  });

  it('leave no handle and no tensor, and one that is gone is named', () => {
    const { runCompiled, step, compiled } = train();
    const calls = (count: number) => {
      for (let i = 0; i < count; i++) {
        runCompiled();
        tf.dispose([compiled.own.a.clone(), ...Object.values(compiled.optimizer.state())]);
        void compiled.own.a.dataSync();
        if (i % 3 === 0) tf.tidy(() => compiled.own.b.assign(compiled.own.b.clone()));
        if (i % 5 === 0) tf.tidy(() => compiled.own.b.assign(tf.neg(compiled.own.b)));
      }
      runCompiled();
      void compiled.own.a.dataSync();
    };
    const executed = jest.spyOn(tensorFlow, 'execute');
    calls(6);
    // One resource for two parameters and four moments.
    expect(executed.mock.calls.filter(([operation]) => operation === 'VarHandleOp')).toHaveLength(1);
    executed.mockRestore();
    const before = [tensorFlow.liveTensors(), tf.memory().numTensors];
    calls(60);
    expect([tensorFlow.liveTensors(), tf.memory().numTensors]).toEqual(before);
    compiled.own.b.dispose();
    expect(runCompiled).toThrow(/the variable '.*', which the step uses, was disposed/);
    step.dispose();
    expect(numbers(compiled.own.a)).toHaveLength(5);
  });
});
