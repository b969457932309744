import {
  availableBackends,
  readReference,
  referenceCases,
  expectGradients,
  expectOutput,
  type Reference,
} from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  importanceLoss,
  loadBalanceLoss,
  resolveRouter,
  routeTokens,
  zLoss,
  type ResolvedRouter,
  type RouterConfig,
  type Routing,
} from './index.js';

/** Names of the reference that are others here; the rest is the same without `router.`. */
const otherNames: Record<string, string> = {
  noiseWeight: 'noise',
  projection: 'projection.weight',
  projectionBias: 'projection.bias',
};

function parametersOf(tensors: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  const parameters: Record<string, tf.Tensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const own = /^param\.router\.(.*)/.exec(name)?.[1];
    if (own) parameters[otherNames[own] ?? own] = tensor;
  }
  const bias = tensors['buffer.correctionBias'];
  return bias ? { ...parameters, correctionBias: bias } : parameters;
}

function routerOf({ config, tensors }: Reference): ResolvedRouter {
  const { gate, ...options } = config as unknown as RouterConfig & { gate?: RouterConfig['logits'] };
  return resolveRouter({
    ...options,
    logits: gate,
    cosineWidth: tensors['param.router.similarity']?.shape[0],
  });
}

function run({ tensors, ...rest }: Reference): Routing {
  const noise = tensors['buffer.noise'] as tf.Tensor2D | undefined;
  const router = routerOf({ tensors, ...rest });
  return routeTokens(tensors['input.x']!, parametersOf(tensors), router, { noise });
}

/** Pairs of expert and weight of each token, by expert: the order of choices is open where a bias made them. */
function choicesOf(experts: tf.Tensor, weights: tf.Tensor): { experts: number[][]; weights: tf.Tensor } {
  const w = weights.arraySync() as number[][];
  const pairs = (experts.arraySync() as number[][]).map((ids, t) =>
    ids.map((id, j) => [id, w[t]![j]!] as const).sort(([a], [b]) => a - b),
  );
  return {
    experts: pairs.map((row) => row.map(([id]) => id)),
    weights: tf.tensor2d(pairs.map((row) => row.map(([, weight]) => weight))),
  };
}

const names = referenceCases('router');
const losses: Record<string, (routing: Routing) => tf.Scalar> = {
  loadBalance: loadBalanceLoss,
  importanceOfGates: (routing) => importanceLoss(routing, { of: 'gates' }),
  importanceOfScores: (routing) => importanceLoss(routing, { of: 'scores' }),
  zLoss,
};

describe.each(availableBackends())('routeTokens against the reference values on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(names)('%s', (name) => {
    const reference = readReference(name);
    const { tensors } = reference;
    const routing = run(reference);
    expectOutput(reference, 'logits', routing.logits);
    expectOutput(reference, 'scores', routing.scores);
    if (tensors['buffer.correctionBias']) {
      const expected = choicesOf(tensors['output.experts']!, tensors['output.weights']!);
      const actual = choicesOf(routing.experts, routing.weights);
      expect(actual.experts).toEqual(expected.experts);
      expectOutput({ ...reference, tensors: { 'output.weights': expected.weights } }, 'weights', actual.weights);
    } else {
      expect(routing.experts.arraySync()).toEqual(tensors['output.experts']!.arraySync());
      expectOutput(reference, 'weights', routing.weights);
    }
    const inputs = Object.keys(tensors).filter((key) => /^(param|input)\./.test(key));
    expectGradients(reference, inputs, (given) => {
      const { weights } = run({ ...reference, tensors: { ...tensors, ...given } });
      return tf.sum(tf.mul(weights, tensors['r.weights']!));
    });
  });

  it.each(names.filter((name) => /top1$|top2$|top2-raw$/.test(name) && name.includes('softmax')))(
    'router losses of %s',
    (name) => {
      const reference = readReference(name);
      const { tensors } = reference;
      const inputs = ['input.x', 'param.router.weight'];
      for (const [loss, compute] of Object.entries(losses)) {
        expectOutput(reference, loss, compute(run(reference)));
        const gradients = Object.fromEntries(inputs.map((key) => [`grad.${key}`, tensors[`gradOf.${loss}.${key}`]!]));
        expectGradients({ ...reference, tensors: { ...tensors, ...gradients } }, inputs, (given) =>
          compute(run({ ...reference, tensors: { ...tensors, ...given } })),
        );
      }
    },
  );
});
