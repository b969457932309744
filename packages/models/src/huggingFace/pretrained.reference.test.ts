import { cpSync, existsSync } from 'node:fs';
import { basename, join } from 'node:path';

import { readSafetensors, writeSafetensors, type StoredTensor } from '@scmoe/tensor';
import { availableBackends, referenceCheckpoint, temporaryFolder, unreadCheckpoints } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import { CheckpointReference, configIn, tensorsIn } from '../testing/CheckpointReference.js';
import { upcycle } from '../upcycle/upcycle.js';
import { families } from './families.js';
import { loadPretrained, savePretrained } from './pretrained.js';
import { PretrainedError } from './PretrainedError.js';
import { linkTensors } from './tensors/linkTensors.js';

/** A configuration in the spelling of transformers 4, as most that are published have it. */
const publishedConfig = 'config.published.json';

/** Folders of language models with what transformers computes from them; `others` are the same weights in other layouts. */
const checkpoints = [
  { path: referenceCheckpoint('gpt2') },
  { path: referenceCheckpoint('mixtral') },
  { path: referenceCheckpoint('qwen2_moe') },
  {
    path: referenceCheckpoint('qwen3_moe'),
    others: [referenceCheckpoint('qwen3_moe-fused'), referenceCheckpoint('qwen3_moe-sharded')],
  },
  { path: referenceCheckpoint('olmoe') },
  { path: referenceCheckpoint('granitemoe'), others: [referenceCheckpoint('granitemoe-fused')] },
  { path: referenceCheckpoint('ernie4_5_moe') },
  { path: referenceCheckpoint('deepseek_v3'), others: [referenceCheckpoint('deepseek_v3-fused')] },
  { path: referenceCheckpoint('deepseek_v3-yarn') },
  { path: referenceCheckpoint('llama') },
  { path: referenceCheckpoint('mistral') },
  { path: referenceCheckpoint('qwen2') },
  { path: referenceCheckpoint('qwen3') },
  { path: referenceCheckpoint('olmo2') },
  { path: referenceCheckpoint('flex_olmo') },
  { path: referenceCheckpoint('granitemoeshared') },
  { path: referenceCheckpoint('deepseek_v2') },
  { path: referenceCheckpoint('gpt_oss') },
  { path: referenceCheckpoint('glm4_moe') },
  { path: referenceCheckpoint('glm4_moe_lite') },
  { path: referenceCheckpoint('solar_open') },
  { path: referenceCheckpoint('dots1') },
  { path: referenceCheckpoint('minimax_m2') },
  { path: referenceCheckpoint('hy_v3') },
  { path: referenceCheckpoint('qwen3_next'), others: [referenceCheckpoint('qwen3_next-fused')] },
  { path: referenceCheckpoint('qwen3_5_moe_text') },
  { path: referenceCheckpoint('hunyuan_v1_moe') },
  { path: referenceCheckpoint('phimoe') },
].map((each) => ({
  others: [],
  ...each,
  name: basename(each.path),
  type: configIn(each.path)['model_type'] as string,
}));
const cases = availableBackends().flatMap((backend) => checkpoints.map((checkpoint) => ({ backend, ...checkpoint })));

/** Where names of a family differ when its experts are fused, as transformers keeps them in memory. */
const fusedNames: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  ...Object.fromEntries(
    [
      'qwen2_moe',
      'olmoe',
      'flex_olmo',
      'glm4_moe',
      'dots1',
      'solar_open',
      'deepseek_v2',
      'glm4_moe_lite',
      'qwen3_5_moe_text',
      'hunyuan_v1_moe',
    ].map((type): [string, readonly []] => [type, []]),
  ),
  ernie4_5_moe: [['.mlp.moe_statics.', '.mlp.gate.moe_statics.']],
  mixtral: [['.block_sparse_moe.', '.mlp.']],
  minimax_m2: [['.block_sparse_moe.', '.mlp.']],
  phimoe: [
    ['.block_sparse_moe.gate.', '.mlp.router.'],
    ['.block_sparse_moe.', '.mlp.'],
  ],
};

describe.each(cases)('$name on $backend', ({ backend, path, others, type }) => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const family = families.find(({ modelType }) => modelType === type)!;
  let reference: CheckpointReference;
  let model: Gpt;

  beforeAll(async () => {
    await tf.setBackend(backend);
    reference = await CheckpointReference.read(path);
    model = await loadPretrained(path, { as: Gpt });
  });
  afterAll(() => {
    model.dispose();
    reference.dispose();
  });

  it('gives the hidden states, logits and losses', () => {
    tf.tidy(() => {
      const batch = reference.textBatch();
      const { logits, hiddenStates } = model.forward(batch.ids, { keepHiddenStates: true });
      reference.expectClose('logits', logits);
      hiddenStates!.forEach((state, layer) => reference.expectClose(`layer${layer}`, state));
      const { crossEntropy, loadBalance, loss } = model.loss(batch);
      reference.expectClose('crossEntropy', crossEntropy);
      reference.expectClose('loss', loss);
      if (reference.tensors['output.auxLoss']) reference.expectClose('auxLoss', loadBalance);
      else if (model.numExperts === 0) expect(loadBalance.dataSync()[0]).toBe(0);
    });
  });

  it('chooses the experts, with their weights', () => {
    tf.tidy(() => {
      const { routings } = model.forward(reference.textBatch().ids);
      const layers = reference.sparseLayers();
      expect(routings).toHaveLength(layers.length);
      routings.forEach(({ experts, weights }, i) => {
        const layer = `moe${layers[i]!}`;
        expect(experts.arraySync()).toEqual(reference.tensors[`output.${layer}.experts`]!.arraySync());
        reference.expectClose(`${layer}.weights`, weights);
      });
    });
  });

  it('goes on with the same tokens', () => reference.expectGreedy(model));

  it("gives the gradients, under the checkpoint's names", async () => {
    const links = linkTensors(family.rules(model.config), family.specs(model.config, {}));
    const loss = () => model.loss(reference.textBatch()).loss;
    const { variables } = model;
    expect(await reference.expectGradients({ variables, loss }, links, { zero: /c_attn\.bias$/ })).toEqual({});
  });

  if (type === 'gpt2') {
    it.each([
      ['every', { kind: 'top2', numExperts: 4 }],
      ['every', { kind: 'scmoe', numExperts: 4 }],
      ['pairs', { kind: 'shared', numExperts: 4, mix: 'cg2' }],
    ] as const)('can be upcycled at the same loss, placement %s, %j', (placement, moe) => {
      const upcycled = upcycle(model, moe, { seed: 1, placement });
      tf.tidy(() => reference.expectClose('crossEntropy', upcycled.loss(reference.textBatch()).crossEntropy));
      tf.tidy(() => reference.expectClose('logits', upcycled.forward(reference.textBatch().ids).logits));
      upcycled.dispose();
    });
  }

  it('is saved as it was, bit for bit', async () => {
    await savePretrained(model, folder.path);
    expect(await tensorsIn(folder.path)).toEqual(await tensorsIn(path));
    const [saved, original] = [configIn(folder.path), configIn(path)];
    expect([saved['model_type'], saved['architectures']]).toEqual([original['model_type'], original['architectures']]);
    const again = await loadPretrained(folder.path, { as: Gpt });
    expect(again.config).toEqual(model.config);
    again.dispose();
  });

  it('is the same in shards', async () => {
    await savePretrained(model, at('shards'), { maxShardBytes: 5000 });
    const again = await loadPretrained(at('shards'), { as: Gpt });
    expectSameWeights(again, model);
    again.dispose();
  });

  for (const other of others)
    it(`is the same in the layout of ${basename(other)}`, async () => {
      const again = await loadPretrained(other, { as: Gpt });
      expect(again.config).toEqual(model.config);
      expectSameWeights(again, model);
      again.dispose();
    });

  if (fusedNames[type]) {
    it('is the same with its experts fused', async () => {
      cpSync(join(path, 'config.json'), at('fused/config.json'));
      await writeSafetensors(at('fused/model.safetensors'), fused(await tensorsIn(path), fusedNames[type]!));
      const again = await loadPretrained(at('fused'), { as: Gpt });
      expectSameWeights(again, model);
      again.dispose();
    });
  }

  if (existsSync(join(path, publishedConfig))) {
    it('is the same in the spelling of transformers 4', async () => {
      cpSync(join(path, publishedConfig), at('published/config.json'));
      cpSync(join(path, 'model.safetensors'), at('published/model.safetensors'));
      const again = await loadPretrained(at('published'), { as: Gpt });
      expect(again.config).toEqual(model.config);
      again.dispose();
    });
  }

  it('leaves nothing but its variables', async () => {
    const before = tf.memory().numTensors;
    const another = await loadPretrained(path, { as: Gpt });
    const own = Object.keys({ ...another.variables, ...another.buffers }).length;
    expect(tf.memory().numTensors - before).toBe(own);
    await savePretrained(another, at('shards'), { maxShardBytes: 5000 });
    expect(tf.memory().numTensors - before).toBe(own);
    another.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

/** Tensors with the experts of a layer in two, (E, 2f, d) and (E, d, f), gate first. */
function fused(
  tensors: Awaited<ReturnType<typeof tensorsIn>>,
  names: readonly (readonly [string, string])[],
): Awaited<ReturnType<typeof tensorsIn>> {
  const result = { ...tensors };
  for (const first of Object.keys(tensors)) {
    const [, experts, name] = /^(.*\.experts)\.0\.(w1|gate_proj)\.weight$/.exec(first) ?? [];
    if (!experts) continue;
    const [up, down] = name === 'w1' ? ['w3', 'w2'] : ['up_proj', 'down_proj'];
    const take = (expert: number, projection: string) => {
      const key = `${experts}.${expert}.${projection}.weight`;
      const found = result[key];
      delete result[key];
      return found;
    };
    const pairs: StoredTensor[] = [];
    const downs: StoredTensor[] = [];
    for (let expert = 0, gate; (gate = take(expert, name!)); expert++) {
      pairs.push(gate, take(expert, up)!);
      downs.push(take(expert, down)!);
    }
    const [f, d] = pairs[0]!.shape as [number, number];
    result[`${experts}.gate_up_proj`] = { dtype: 'F32', shape: [downs.length, 2 * f, d], data: joinedData(pairs) };
    result[`${experts}.down_proj`] = { dtype: 'F32', shape: [downs.length, d, f], data: joinedData(downs) };
  }
  const renamed = (key: string) => names.reduce((name, [from, to]) => name.replace(from, to), key);
  return Object.fromEntries(Object.entries(result).map(([key, value]) => [renamed(key), value]));
}

function joinedData(parts: readonly StoredTensor[]): Float32Array {
  return Float32Array.from(parts.flatMap(({ data }) => [...(data as Float32Array)]));
}

/** Compares all parameters and buffers, number by number. */
function expectSameWeights(one: Gpt, other: Gpt): void {
  const valuesOf = ({ variables, buffers }: Gpt) =>
    Object.fromEntries(Object.entries({ ...variables, ...buffers }).map(([key, each]) => [key, each.dataSync()]));
  expect(valuesOf(one)).toEqual(valuesOf(other));
}

describe.each([
  ['8-bit weights', referenceCheckpoint('deepseek_v3-fp8')],
  ['4-bit experts', referenceCheckpoint('gpt_oss-mxfp4')],
])('a folder of %s', (_, path) => {
  const folder = temporaryFolder();

  it('gives the numbers that transformers decodes, to the bit, and its logits', async () => {
    await tf.setBackend(availableBackends()[0]!);
    const model = await loadPretrained(path, { as: Gpt });
    await savePretrained(model, folder.path);
    const { tensors: decoded } = await readSafetensors(join(path, 'dequantised.safetensors'));
    expect(await tensorsIn(folder.path)).toEqual(decoded);
    const reference = await CheckpointReference.read(path);
    tf.tidy(() => reference.expectClose('logits', model.forward(reference.textBatch().ids).logits));
    await reference.expectGreedy(model);
    reference.dispose();
    model.dispose();
  });

  it('is read for one rank with its experts alone', async () => {
    const [whole, part] = [
      await loadPretrained(path, { as: Gpt }),
      await loadPretrained(path, { as: Gpt, experts: { rank: 1, size: 2 } }),
    ];
    for (const [name, own] of Object.entries(part.variables)) {
      const all = whole.variables[name]!;
      const isShared = own.shape[0] === all.shape[0];
      const theirs = isShared ? all.dataSync() : all.dataSync().slice(all.size - own.size);
      expect([name, own.dataSync()]).toEqual([name, theirs]);
    }
    expect(Object.keys(part.variables)).toEqual(Object.keys(whole.variables));
    whole.dispose();
    part.dispose();
  });
});

describe('loadPretrained', () => {
  // None are left but those that a new family brings.
  for (const name of Object.keys(unreadCheckpoints()))
    it(`refuses ${name}, of a family without a loader, by its model type`, async () => {
      const [type] = name.split('-');
      const error: unknown = await loadPretrained(referenceCheckpoint(name)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(PretrainedError);
      expect((error as Error).message).toMatch(
        new RegExp(`${name}/config\\.json: model_type: expected one of gpt2, .*, got "${type}"$`),
      );
    });
});
