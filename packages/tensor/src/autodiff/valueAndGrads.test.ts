import * as tf from '@tensorflow/tfjs';

import { captureFunction, layerNorm, linear, rmsNorm, useBackend, valueAndGrads } from '../index.js';

type Variables = Record<string, tf.Variable>;

let count = 0;
/** A variable of given shape with values that are different everywhere and near 1 in size. */
function variable(...shape: number[]): tf.Variable {
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => Math.sin(1 + 0.7 * i + count));
  return tf.variable(tf.tensor(values, shape), true, `v${count++}`);
}

/** What gradient functions of a graph hold beyond a pass. */
let kept: tf.Tensor | undefined;
const three = tf.keep(tf.fill([4], 3));

const graphs: Record<string, () => { variables: Variables; loss: () => tf.Tensor }> = {
  'a chain of products': () => {
    const variables = { a: variable(3, 4), b: variable(4, 2) };
    return { variables, loss: () => variables.a.matMul(variables.b).tanh().sum() };
  },
  'a variable used by several operations and twice by one': () => {
    const variables = { a: variable(3), b: variable(3) };
    return { variables, loss: () => variables.a.mul(variables.a).add(variables.a.exp()).mul(variables.b).sum() };
  },
  'branches that meet again, with broadcasting': () => {
    const variables = { x: variable(2, 3), scale: variable(3), shift: variable() };
    const loss = () => {
      const h = variables.x.mul(variables.scale);
      return h.sigmoid().mul(h.relu()).add(variables.shift).sub(h.mean(1, true)).square().mean();
    };
    return { variables, loss };
  },
  'kernels with several outputs, one of them unused': () => {
    const variables = { x: variable(3, 4) };
    const loss = () => {
      const [first, , third] = tf.unstack(variables.x.mul(2));
      const [left] = tf.split(variables.x.square(), 2, 1);
      return first!.mul(third!).sum().add(left!.exp().sum());
    };
    return { variables, loss };
  },
  'customGrad that hands back dy itself, and one tensor twice': () => {
    const variables = { a: variable(4), b: variable(4) };
    const pass = tf.customGrad((...args) => {
      const [x] = args as tf.Tensor[];
      return { value: x!.add(1), gradFunc: (dy: tf.Tensor) => dy };
    });
    const both = tf.customGrad((...args) => {
      const [x, y, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
      save([x, y]);
      return {
        value: x.mul(y),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
          const g = dy.mul(saved[0]!).mul(saved[1]!);
          return [g, g];
        },
      };
    });
    return { variables, loss: () => both(pass(variables.a), variables.b.mul(3)).mul(variables.a).sum() };
  },
  'reshapes and clones, which share memory': () => {
    const variables = { x: variable(2, 6) };
    const loss = () => {
      const y = variables.x.reshape([3, 4]).clone();
      return y.reshape([12]).mul(y.flatten()).expandDims(0).squeeze().sum();
    };
    return { variables, loss };
  },
  'a residual stream with norms, whose gradients are added up in place': () => {
    const variables = { x: variable(6, 8), gain: variable(8), shift: variable(8), w: variable(8, 8) };
    const { gain, shift, w } = variables;
    const loss = () => {
      const a = variables.x.add(linear(layerNorm(variables.x, gain, shift), w));
      const b = a.add(linear(rmsNorm(a, gain), w)).add(a);
      // Twice the same, and a norm of what nobody else reads.
      return rmsNorm(
        b
          .add(b)
          .add(layerNorm(b, gain, shift))
          .mul(2),
        gain,
      )
        .square()
        .sum();
    };
    return { variables, loss };
  },
  'a gradient that somebody else keeps or has given out as a constant': () => {
    const variables = { a: variable(4) };
    const keeps = tf.customGrad((...args) => {
      const [x] = args as tf.Tensor[];
      const gradFunc = (dy: tf.Tensor) => {
        kept?.dispose();
        kept = tf.keep(dy.clone());
        return dy;
      };
      return { value: x!.mul(1), gradFunc };
    });
    const constant = tf.customGrad((...args) => ({
      value: (args[0] as tf.Tensor).mul(3),
      gradFunc: () => three.clone(),
    }));
    const loss = () => {
      const h = variables.a.exp();
      return keeps(h).add(h).mul(h).add(constant(h)).add(constant(h)).sum();
    };
    return { variables, loss };
  },
  'concatenation, slices and a loss that is not the last operation': () => {
    const variables = { a: variable(2, 2), b: variable(1, 2) };
    const loss = () => {
      const all = tf.concat([variables.a, variables.b.mul(2), variables.a]);
      const result = all.slice([1, 0], [3, 2]).square().sum();
      variables.b.exp().sum();
      return result;
    };
    return { variables, loss };
  },
};

/** The most tensors alive at any kernel's end while `f` runs. */
async function peakTensors(f: () => tf.TensorContainer): Promise<number> {
  const start = tf.memory().numTensors;
  const profile = await tf.profile(f);
  return Math.max(...profile.kernels.map((kernel) => kernel.totalTensorsSnapshot)) - start;
}

beforeAll(() => useBackend('auto', { threads: 1 }));

describe('valueAndGrads', () => {
  describe.each(Object.entries(graphs))('on %s', (_, build) => {
    it('gives the value and gradients of tf.variableGrads exactly, and leaves nothing else behind', () => {
      const { variables, loss } = build();
      const expected = tf.variableGrads(loss as () => tf.Scalar, Object.values(variables));
      const before = tf.memory();

      const { value, grads } = valueAndGrads(loss, variables);

      expect(value.dataSync()).toEqual(expected.value.dataSync());
      expect(Object.keys(grads)).toEqual(Object.keys(variables));
      for (const [name, { name: registered, shape }] of Object.entries(variables)) {
        expect(grads[name]!.shape).toEqual(shape);
        expect(grads[name]!.dataSync()).toEqual(expected.grads[registered]!.dataSync());
      }
      tf.dispose([value, ...Object.values(grads)]);
      expect(tf.memory().numTensors).toBe(before.numTensors);
      expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
      expect(tf.engine().state).toMatchObject({ gradientDepth: 0, activeTape: null });
    });

    it('calls onGrad once for each variable with the gradient that is returned', () => {
      const { variables, loss } = build();
      const heard: Record<string, tf.Tensor> = {};
      const { grads } = valueAndGrads(loss, variables, {
        onGrad: (name, grad) => {
          expect(heard).not.toHaveProperty([name]);
          heard[name] = grad;
        },
      });
      for (const name of Object.keys(variables)) expect(heard[name]).toBe(grads[name]);
    });
  });

  it('adds up in place in a captured function as well, which gives the same each time', () => {
    const { variables, loss } = graphs['a residual stream with norms, whose gradients are added up in place']!();
    const step = () => {
      const { value, grads } = valueAndGrads(loss, variables);
      return [value, ...Object.values(grads)];
    };
    const numbers = (run: () => tf.Tensor[]) => tf.tidy(() => run().map((tensor) => tensor.dataSync<'float32'>()));
    const expected = numbers(step);
    const captured = captureFunction(step);
    for (let i = 0; i < 4; i++) expect(numbers(captured)).toEqual(expected);
    captured.dispose();
  });

  const layers = (depth: number) => {
    const variables = Object.fromEntries(Array.from({ length: depth }, (_, i) => [`w${i}`, variable(8, 8)]));
    const x = tf.ones([4, 8]);
    const loss = () => {
      let h: tf.Tensor = x;
      for (const w of Object.values(variables)) h = h.matMul(w).tanh().mul(0.5).add(h);
      return h.square().mean();
    };
    return { variables, loss };
  };

  it('reports gradients in the reverse of the order in which variables are last needed', () => {
    const { variables, loss } = layers(4);
    const order: string[] = [];
    valueAndGrads(() => loss().add(variables['w1']!.square().sum()), variables, { onGrad: (name) => order.push(name) });
    expect(order).toEqual(['w3', 'w2', 'w1', 'w0']);
  });

  it('frees the activations of later layers before it reaches the earlier ones', () => {
    const { variables, loss } = layers(6);
    const alive: number[] = [];
    valueAndGrads(loss, variables, { onGrad: () => alive.push(tf.memory().numTensors) });
    for (let i = 1; i < alive.length; i++) expect(alive[i]).toBeLessThan(alive[i - 1]!);
  });

  it('keeps fewer tensors alive than tf.variableGrads', async () => {
    const { variables, loss } = layers(12);
    const ours = await peakTensors(() => valueAndGrads(loss, variables).grads);
    const theirs = await peakTensors(() => tf.variableGrads(loss as () => tf.Scalar, Object.values(variables)).grads);
    // Both reach what the forward pass saves; only tf.variableGrads adds every gradient to that.
    expect(ours).toBeLessThan(0.9 * theirs);
  });

  it('follows no integers, where tf.variableGrads throws', () => {
    const variables = { table: variable(5, 3), scores: variable(4, 5) };
    const { table, scores } = variables;
    const loss = () => table.gather(scores.argMax(1)).square().sum().add(scores.softmax().square().sum());
    expect(() => tf.variableGrads(loss as () => tf.Scalar)).toThrow(/indices must have 'float32'/);
    const { grads } = valueAndGrads(loss, variables);
    const chosen = scores.argMax(1);
    const expected = tf.grads((t, s) => t.gather(chosen).square().sum().add(s.softmax().square().sum()))([
      table,
      scores,
    ]);
    expect(grads['table']!.dataSync()).toEqual(expected[0]!.dataSync());
    expect(grads['scores']!.dataSync()).toEqual(expected[1]!.dataSync());
  });

  it('works inside tf.tidy, which then owns the results', () => {
    const { variables, loss } = layers(2);
    const before = tf.memory().numTensors;
    const norm = tf.tidy(() => {
      const { value, grads } = valueAndGrads(loss, variables);
      return grads['w0']!.norm().add(value);
    });
    expect(tf.memory().numTensors).toBe(before + 1);
    norm.dispose();
  });

  it('accepts a loss that is a variable itself', () => {
    const v = variable();
    const { value, grads } = valueAndGrads(() => v, { v });
    expect(grads['v']!.dataSync()).toEqual(Float32Array.of(1));
    value.dispose();
    expect(v.isDisposed).toBe(false);
  });

  it('names variables that the loss does not depend on, or gives zeros when that is allowed', () => {
    const variables = { used: variable(2), idle: variable(3), chosen: variable(2) };
    const loss = () => variables.used.add(variables.chosen.argMax().toFloat()).sum();
    const before = tf.memory().numTensors;
    expect(() => valueAndGrads(loss, variables)).toThrow(
      "loss: expected to depend on every variable, got no path to 'idle', 'chosen'",
    );
    expect(tf.memory().numTensors).toBe(before);

    const heard: string[] = [];
    const { grads } = valueAndGrads(loss, variables, { allowUnused: true, onGrad: (name) => heard.push(name) });
    expect(grads['idle']!.dataSync()).toEqual(new Float32Array(3));
    expect(heard).toEqual(['idle', 'chosen', 'used']);
  });

  describe('leaves the engine clean and says what is wrong', () => {
    const v = variable(2);
    const noGradient = () => tf.round(v);
    const wrongShape = tf.customGrad((a) => {
      const x = a as tf.Tensor;
      return { value: x.add(1), gradFunc: (dy: tf.Tensor) => dy.sum() };
    });
    const cases: [string, () => tf.Tensor, RegExp][] = [
      ['the loss throws', () => v.exp().mul(v).matMul(v), /matMul/],
      ['the loss throws inside a nested scope', () => tf.tidy(() => v.exp().reshape([3])), /./],
      ['the loss is not a scalar', () => v.exp(), /loss: expected a float32 scalar, got float32 of shape \[2\]/],
      ['the loss is an integer', () => v.argMax(), /loss: expected a float32 scalar, got int32/],
      ['the loss is no tensor', () => 3 as unknown as tf.Tensor, /loss: expected a tensor, got number/],
      ['the loss is async', () => Promise.resolve() as unknown as tf.Tensor, /must not be async/],
      ['a gradient has the wrong shape', () => wrongShape(v.exp()).sum(), /of shape \[2\], got float32 of shape \[\]/],
      ['it is nested', () => valueAndGrads(() => v.sum(), { v }).value, /while another gradient is being recorded/],
    ];
    it.each(cases)('when %s', (_, loss, message) => {
      const scopes = tf.engine().state.scopeStack.length;
      const before = tf.memory().numTensors;
      expect(() => valueAndGrads(loss, { v })).toThrow(message);
      expect(tf.memory().numTensors).toBe(before);
      expect(tf.engine().state).toMatchObject({ gradientDepth: 0, activeTape: null });
      expect(tf.engine().state.scopeStack).toHaveLength(scopes);
    });

    it('when an operation has no gradient', () => {
      const config = tf.getGradient('Round');
      tf.unregisterGradient('Round');
      const before = tf.memory().numTensors;
      expect(() => valueAndGrads(() => noGradient().mul(v.exp()).sum(), { v })).toThrow(
        'No gradient is registered for Round',
      );
      expect(tf.memory().numTensors).toBe(before);
      tf.registerGradient(config);
    });

    it('when one variable has two names or is not float32', () => {
      expect(() => valueAndGrads(() => v.sum(), { a: v, b: v })).toThrow(
        "variables: expected each once, got one as 'a' and 'b'",
      );
      const ints = tf.variable(tf.tensor1d([1], 'int32'));
      expect(() => valueAndGrads(() => v.sum(), { ints })).toThrow(
        "variables: expected float32, which has a gradient, got 'ints' of int32",
      );
    });
  });

  it('finds the path in time linear in the number of operations', () => {
    /** How often anything of the recording is read, for each operation in it. */
    const readsOfEach = (count: number) => {
      const v = variable(2);
      const extra = Array.from({ length: count }, () => variable());
      const variables = { v, ...Object.fromEntries(extra.map((e, i) => [`e${i}`, e])) };
      let reads = 0;
      const counted = <T extends object>(node: T) =>
        new Proxy(node, { get: (target, key) => (reads++, Reflect.get(target, key) as unknown) });
      const loss = () => {
        const result = extra.reduce<tf.Tensor>((h, e) => h.mul(e), v).sum();
        const tape = tf.engine().state.activeTape;
        tape.splice(0, tape.length, ...tape.map(counted));
        return result;
      };
      tf.tidy(() => void valueAndGrads(loss, variables));
      tf.dispose(variables);
      return reads / count;
    };
    // tf.variableGrads reads every operation once for each variable.
    expect(readsOfEach(400)).toBeLessThan(1.1 * readsOfEach(100));
  });
});
