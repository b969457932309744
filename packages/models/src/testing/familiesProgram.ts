import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { readSafetensors, toTensor, useBackend, valueAndGrads, type StoredTensor } from '@scmoe/tensor';
import { relativeError } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { families } from '../huggingFace/families.js';
import { loadPretrained, savePretrained } from '../huggingFace/pretrained.js';
import { exportTensors } from '../huggingFace/tensors/exportTensors.js';
import { linkTensors } from '../huggingFace/tensors/linkTensors.js';
import { LanguageModel } from '../languageModel/LanguageModel.js';

/**
 * Prints what of each family's reference checkpoints holds, as a table: the largest error of logits and of gradients in units of
 * a tensor's largest magnitude, whether greedy texts are the same, and whether a saved folder has the same bits and loads as the
 * same model; further layouts and spellings stand with their base.
 *
 *     npm run families
 */
const folder = process.argv[2] ?? new URL('../../../../tools/reference/checkpoints', import.meta.url).pathname;

interface Entry {
  readonly name: string;
  readonly modelType: string;
  readonly sameAs?: string;
  readonly promptLength?: number;
}

interface Row {
  logits: string;
  gradients: string;
  greedy: string;
  saved: string;
  layouts: string[];
}

await useBackend('auto');
const { checkpoints } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { checkpoints: Entry[] };
const scratch = mkdtempSync(join(tmpdir(), 'scmoe-families-'));
const rows = new Map<string, Row>();
try {
  for (const entry of checkpoints.filter(({ modelType }) => modelType !== 'vit')) await look(entry);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log('| checkpoint | logits | gradients | greedy | saved and read again | other layouts |');
console.log('| --- | --- | --- | --- | --- | --- |');
for (const [name, row] of rows)
  console.log(
    `| ${[`\`${name}\``, row.logits, row.gradients, row.greedy, row.saved, row.layouts.join(', ')].join(' | ')} |`,
  );

async function look(entry: Entry): Promise<void> {
  const path = join(folder, entry.name);
  const model = await loadPretrained(path, { as: LanguageModel });
  if (entry.sameAs !== undefined) {
    const base = await loadPretrained(join(folder, entry.sameAs), { as: LanguageModel });
    const layout = entry.name.slice(entry.sameAs.length + 1);
    rows.get(entry.sameAs)!.layouts.push(`${layout} ${isSame(model, base) ? 'same' : '**differs**'}`);
    base.dispose();
    model.dispose();
    return;
  }
  const { tensors } = await readSafetensors(join(path, 'reference.safetensors'));
  const reference = Object.fromEntries(Object.entries(tensors).map(([key, each]) => [key, toTensor(each)]));
  const ids = reference['input.ids'] as tf.Tensor2D;
  const logits = tf.tidy(() => relativeError(model.forward(ids).logits, reference['output.logits']!));
  const layouts = await publishedSpelling(path, model);
  rows.set(entry.name, {
    logits: logits.toExponential(0),
    gradients: await gradientsOf(path, model, ids),
    greedy: await greedyOf(model, reference, entry),
    saved: await savedOf(path, model),
    layouts,
  });
  tf.dispose(reference);
  model.dispose();
}

async function gradientsOf(path: string, model: LanguageModel<object>, ids: tf.Tensor2D): Promise<string> {
  const file = join(path, 'gradients.safetensors');
  if (!existsSync(file)) return '-';
  const { tensors } = await readSafetensors(file);
  const type = (JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as { model_type: string }).model_type;
  const family = families.find(({ modelType }) => modelType === type)!;
  const { grads } = tf.tidy(() => {
    const next = tf.slice(ids, [0, 1], [-1, -1]);
    const targets: tf.Tensor2D = tf.concat([next, tf.fill([ids.shape[0], 1], -100, 'int32')], 1);
    return valueAndGrads(() => model.loss({ ids, targets }).loss, model.variables);
  });
  const links = linkTensors(family.rules(model.config), family.specs(model.config, {}));
  const trained = links.filter(({ ours }) => ours.every(({ name }) => name in grads));
  const largest = Math.max(...Object.values(tensors).map(magnitude));
  let worst = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(exportTensors(trained, grads))) {
    const [found, wanted] = [toTensor({ dtype, shape, data: await data() }), toTensor(tensors[name]!)];
    // Zero in exact arithmetic, such as that of a key's bias without rotation: in units of the largest of all.
    const unit = magnitude(tensors[name]!) < 1e-6 * largest ? largest : undefined;
    worst = Math.max(worst, relativeError(found, wanted, unit));
    tf.dispose([found, wanted]);
  }
  tf.dispose(grads);
  return worst.toExponential(0);
}

function magnitude({ data }: StoredTensor): number {
  return (data as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

async function greedyOf(
  model: LanguageModel<object>,
  reference: Readonly<Record<string, tf.Tensor>>,
  { promptLength }: Entry,
): Promise<string> {
  const expected = (await reference['output.greedy']!.array()) as number[][];
  const prompts = (await reference['input.ids']!.array()) as number[][];
  const options = { maxNewTokens: expected[0]!.length, temperature: 0 };
  const texts = await Promise.all(prompts.map((row) => model.generate(row.slice(0, promptLength), options)));
  return isDeepStrictEqual(texts, expected) ? 'same' : '**differs**';
}

async function savedOf(path: string, model: LanguageModel<object>): Promise<string> {
  const saved = join(scratch, basename(path));
  await savePretrained(model as Parameters<typeof savePretrained>[0], saved);
  const again = await loadPretrained(saved, { as: LanguageModel });
  const same = isSame(again, model) && isDeepStrictEqual(again.config, model.config);
  again.dispose();
  return same ? 'same' : '**differs**';
}

/** The same weights under the configuration that transformers 4 would have. */
async function publishedSpelling(path: string, model: LanguageModel<object>): Promise<string[]> {
  const file = join(path, 'config.published.json');
  if (!existsSync(file)) return [];
  const spelt = join(scratch, `${basename(path)}-published`);
  cpSync(file, join(spelt, 'config.json'));
  cpSync(join(path, 'model.safetensors'), join(spelt, 'model.safetensors'));
  const again = await loadPretrained(spelt, { as: LanguageModel });
  const same = isDeepStrictEqual(again.config, model.config);
  again.dispose();
  return [`older spelling ${same ? 'same' : '**differs**'}`];
}

/** Whether all parameters and buffers are the same, number by number. */
function isSame(one: LanguageModel<object>, other: LanguageModel<object>): boolean {
  const valuesOf = ({ variables, buffers }: LanguageModel<object>) => Object.entries({ ...variables, ...buffers });
  const others = new Map(valuesOf(other));
  return valuesOf(one).every(([name, tensor]) => {
    const theirs = others.get(name)?.dataSync();
    return theirs !== undefined && tensor.dataSync().every((value, i) => Object.is(value, theirs[i]));
  });
}
