import { randomUniform } from '@scmoe/tensor';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { tensorFlowProblem } from '../testing/tensorFlowProblem.js';
import { useTensorFlow } from '../testing/useTensorFlow.js';
import { compileStep } from './compileStep.js';

describeUnless(tensorFlowProblem(), 'a step that is not the same at each call', () => {
  let w: tf.Variable;
  beforeAll(useTensorFlow);
  beforeEach(() => {
    w = tf.variable(tf.tensor1d([1, 2]));
  });
  afterEach(() => w.dispose());

  /** What the calls of a compiled step come to: its error, and that the variable stays as the call before left it. */
  const errorOf = (
    step: (...args: never[]) => unknown,
    { calls = 3, args = (): unknown[] => [], lasts = true } = {},
  ): string => {
    const compiled = compileStep(step as () => tf.Tensor, { compile: false, maxConstantBytes: 1000 }) as (
      ...args: unknown[]
    ) => tf.Tensor;
    let before: number[] = [];
    try {
      for (let i = 0; i < calls; i++) {
        before = Array.from(w.dataSync());
        tf.dispose(compiled(...args()));
      }
    } catch (error) {
      expect(Array.from(w.dataSync())).toEqual(before);
      if (lasts) expect(() => compiled(...args())).toThrow();
      return (error as Error).message;
    } finally {
      (compiled as unknown as { dispose(): void }).dispose();
    }
    return 'no error';
  };
  const addTo = (x: tf.Tensor) => {
    w.assign(w.add(x));
    return w.sum();
  };

  it('is told which number changes, and where it is written', () => {
    let rate = 0.5;
    const message = errorOf(() => tf.tidy(() => addTo(tf.mul(tf.ones([2]), (rate /= 2)))));
    expect(message).toMatch(
      /the number 0\.125 became part of the step at .*guards\.test.*, and it is 0\.0625 now\. Pass it/,
    );
  });

  it('is told of a number that only a variable or a result has', () => {
    let count = 0;
    const counter = tf.variable(tf.scalar(0));
    const assign = () => tf.tidy(() => (counter.assign(tf.scalar(++count)), w.sum()));
    expect(errorOf(assign)).toMatch(/the number 2 became part of the step/);
    expect(errorOf(() => tf.scalar(++count))).toMatch(/the number \d became part of the step/);
    counter.dispose();
  });

  it('is told of a number that changes long after', () => {
    let calls = 0;
    let rate = 1;
    const step = () => tf.tidy(() => addTo(tf.scalar(rate)));
    const compiled = compileStep(step, { compile: false });
    const call = () => {
      if (++calls === 7) rate = 2;
      compiled().dispose();
    };
    expect(() => {
      for (let i = 0; i < 9; i++) call();
    }).toThrow(/the number 1 became part of the step/);
    expect(calls).toBe(9); // the 8th of the compiled form
    compiled.dispose();
  });

  it('is told of numbers made on the host, such as a mask', () => {
    const mask = () => addTo(tf.tensor1d([Math.random(), Math.random()]));
    expect(errorOf(() => tf.tidy(mask))).toMatch(/numbers of shape \[2\] were made on the host at .*guards\.test/);
    const layer = tf.layers.dropout({ rate: 0.5 });
    const dropped = () => tf.tidy(() => (layer.apply(tf.ones([10, 10]), { training: true }) as tf.Tensor).sum());
    expect(errorOf(dropped)).toMatch(/shape \[10, 10\] were made on the host/);
  });

  it('is refused where it makes large constants, at once', () => {
    const large = () => tf.tidy(() => tf.linspace(0, 1, 251).sum());
    const message = errorOf(large, { calls: 2 });
    expect(message).toMatch(/a tensor of 1004 bytes was made on the host .*guards\.test.* at most 1000 bytes/);
    expect(errorOf(() => tf.tidy(() => addTo(tf.fill([2, 500], 3).sum())))).toBe('no error');
  });

  it.each<[string, (x: tf.Tensor) => unknown]>([
    ['dataSync', (x) => x.dataSync()],
    ['data', (x) => x.data().catch(() => undefined)],
    ['a branch', (x) => (x.arraySync() as number) > 0],
  ])('is refused where it reads a tensor: %s', (_, read) => {
    const message = errorOf(() => tf.tidy(() => (void read(w.square().sum()), w.sum())), { calls: 2 });
    expect(message).toMatch(
      /the step reads the result of Sum \(made at .*guards\.test.*\) on the host, at .*guards\.test/,
    );
  });

  it('is told where it takes another way', () => {
    let calls = 0;
    const branch = () => tf.tidy(() => (calls++ % 2 === 0 ? w.square() : w.exp()).sum());
    expect(errorOf(branch)).toMatch(/(Square|Exp) .* runs at .*guards\.test.* instead of (Square|Exp)/);
    calls = 0;
    const longer = () => tf.tidy(() => (calls++ < 2 ? w.sum() : w.sum().neg()));
    expect(errorOf(longer)).toMatch(/Neg runs at .*guards\.test.*, where the step had ended before/);
  });

  it('is told of an attribute that changes', () => {
    let slope = 0.1;
    expect(errorOf(() => tf.tidy(() => tf.leakyRelu(w, (slope *= 2)).sum()))).toMatch(/'alpha'|the number 0\.4/);
  });

  it('is told of a tensor from outside that is another one now', () => {
    const others = [1, 2, 3].map((value) => tf.fill([20], value));
    let i = 0;
    expect(errorOf(() => tf.tidy(() => addTo(others[i++]!.sum())))).toMatch(
      /another tensor of shape \[20\] is read from outside at .*guards\.test/,
    );
    tf.dispose(others);
  });

  it('is refused where shapes depend on data', () => {
    expect(errorOf(() => tf.tidy(() => tf.unique(w as unknown as tf.Tensor1D).values.sum()), { calls: 2 })).toMatch(
      /depends on data|reads/,
    );
  });

  it('is refused where it keeps a tensor, or makes a variable late', () => {
    const kept: tf.Tensor[] = [];
    expect(errorOf(() => tf.tidy(() => (kept.push(tf.keep(w.square())), w.sum())), { calls: 2 })).toMatch(
      /keeps the result of (Square|Mul) beyond its end, made at .*guards\.test/,
    );
    tf.dispose(kept.slice(0, 1));
    const made: tf.Variable[] = [];
    const late = () => {
      made.push(tf.variable(tf.scalar(1)));
      return w.sum();
    };
    expect(errorOf(late, { calls: 2 })).toMatch(/makes the variable '.*' in a later call than its first/);
    tf.dispose(made.slice(0, 1));
  });

  it.each<[string, () => unknown, RegExp]>([
    ['returns nothing', () => void w.sum().dispose(), /expected to return a tensor, .* got none/],
    ['returns a number', () => [w.sum(), 3], /the result\[1\]: expected a tensor, got the number 3/],
    ['returns a promise', () => Promise.resolve(w.sum()), /returns a promise/],
    [
      'returns something else',
      () => ({ loss: w.sum(), at: new Date() }),
      /the result\.at: .* got an object of class Date/,
    ],
    [
      'returns what is disposed',
      () =>
        tf.tidy(() => {
          const x = w.sum();
          x.dispose();
          return x;
        }),
      /got one that was disposed/,
    ],
  ])('is refused at its first call where it %s', (_, step, expected) => {
    expect(errorOf(step, { calls: 1 })).toMatch(expected);
  });

  it('is refused where it disposes an argument or gives a variable another shape', () => {
    const x = tf.scalar(1);
    const dispose = (given: tf.Tensor) => {
      given.dispose();
      return w.sum();
    };
    expect(errorOf(dispose as never, { calls: 1, args: () => [x] })).toMatch(/disposes args\[0\]/);
    expect(x.isDisposed).toBe(false);
    x.dispose();
    expect(errorOf(() => tf.tidy(() => (w.assign(tf.zeros([3])), w.sum())), { calls: 1 })).toMatch(/shape/);
  });

  it('leaves all as it was where it throws halfway, in the first call and in a later one', () => {
    for (const at of [1, 2, 3]) {
      let calls = 0;
      const step = () => {
        w.assign(tf.add(w, 1));
        if (++calls === at) throw new Error('halfway');
        return w.sum();
      };
      expect(errorOf(() => tf.tidy(step), { calls: at, lasts: false })).toBe('halfway');
    }
  });

  it('takes random numbers of a seed as long as it is the same', () => {
    let seed = 1;
    const step = () => tf.tidy(() => addTo(randomUniform([2], { seed })));
    expect(errorOf(step, { calls: 5 })).toBe('no error');
    expect(errorOf(() => tf.tidy(() => addTo(randomUniform([2], { seed: seed++ }))))).toMatch(/were made on the host/);
  });
});
