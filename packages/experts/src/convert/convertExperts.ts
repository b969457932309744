import { asUserError, UserError } from '@scmoe/errors';
import { upcycle, type Gpt, type GptConfig, type MoeConfig, type Placement } from '@scmoe/models';
import { evaluate, sequentialTokenBatches, type JsonObject, type Tokenizer, type TokenSequence } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { crossEntropyOf } from '../measure/crossEntropyOf.js';
import { readText, type ModelText } from '../stored/openText.js';
import { savePublic } from '../stored/publicFolder.js';
import { expectAbsent, saveRun } from '../stored/saveRun.js';
import { channelExperts, type ChannelExperts } from './channelExperts.js';
import { openDense, type DenseModel } from './DenseModel.js';
import { runSettings } from './runSettings.js';

/** The file of a converted model that says what it was made of, and how. */
export const convertFile = 'convert.json';

/** What experts are made of. `copies`: each is the whole MLP. `channels`: each has the channels that matter for a domain. */
export const convertMethods = ['copies', 'channels'] as const;
/** One of `convertMethods`. */
export type ConvertMethod = (typeof convertMethods)[number];

/** What is written: a run folder to train on with lm-train, or a folder of Hugging Face transformers. */
export const convertFormats = ['run', 'transformers'] as const;
/** One of `convertFormats`. */
export type ConvertFormat = (typeof convertFormats)[number];

/** How a dense model becomes one with experts. */
export interface ConvertOptions {
  /** A checkpoint or run folder of a dense model, or a folder of Hugging Face transformers. */
  model: string;
  /** The folder to write, which must not exist; nothing is written where it is not given. */
  out?: string;
  /** `channels` where there are domains, or else `copies`. */
  method?: ConvertMethod;
  /** Options of the experts. Of copies an ScMoE model by default, with 8 experts; of channels top-2. */
  moe?: Partial<MoeConfig>;
  /** Arrangement of the blocks; the dense model's by default. */
  placement?: Placement;
  /** Noise that is added to each copy, in units of the weights' own deviation. */
  noise?: number;
  /** Share of each copy's channels that are drawn anew. */
  reinitialize?: number;
  /** A text of each domain, for experts of channels; its first part to choose channels by, its last to measure losses on. */
  domains?: readonly string[];
  /** Share of the MLP's width that a domain has, for experts of channels; a half by default. */
  width?: number;
  /** Channels of the shared expert, for experts of channels; by default all that the domains have in common in every layer. */
  sharedWidth?: number;
  /** A run folder by default. */
  format?: ConvertFormat;
  /** Text to measure losses on: its last part. By default that of the dense run, or the domains'. */
  text?: string;
  /** Batches of each text, spread evenly over it; 0: all. 20 by default. */
  batches?: number;
  /** Seed of the routers, and of what makes experts differ. */
  seed?: number;
}

/** What a conversion came to. */
export interface ConvertReport {
  /** The dense model. */
  from: string;
  method: ConvertMethod;
  kind: string;
  placement: Placement;
  numExperts: number;
  topK: number;
  expertWidth: number;
  /** 0 without a shared expert. */
  sharedWidth: number;
  /** Width of the MLPs. */
  denseWidth: number;
  parameters: { dense: number; converted: number; active: number };
  /** The mean divergence in nats, layer by layer, between what a router should say and even scores, and what it says; for experts of channels. */
  routers?: Record<string, { before: number; after: number }>;
  /** Held-out losses in nats per token, of each text. */
  losses: { text: string; tokens: number; dense: number; converted: number }[];
  format?: ConvertFormat;
  /** What was written: the checkpoint, or the public folder. */
  saved?: string;
}

/** Longer texts of a public model are read in windows of so many tokens. */
const publicWindow = 512;

/**
 * Makes a model with experts of a dense one. Copies of its MLPs start as the dense model, unless noise or new channels make them
 * differ (sparse upcycling, arXiv 2212.05055); channels of them are smaller experts (Read-ME, arXiv 2410.19123). The dense model
 * stays as it is. What is written is the start of a new run: at step 0, without a state of the optimizer.
 *
 * @throws UserError naming what is wrong: no dense language model, too few domains, an output that exists, a model that the
 *   format does not have
 */
export async function convertExperts(options: ConvertOptions): Promise<ConvertReport> {
  const { domains = [], method = domains.length > 0 ? 'channels' : 'copies', out, format = 'run', seed = 1 } = options;
  checkChoices({ ...options, domains, method, format });
  if (out !== undefined) await expectAbsent(out);
  const dense = await openDense(options.model);
  try {
    const texts = await textsOf(dense, options);
    const { placement = dense.model.config.placement ?? 'pairs' } = options;
    const channels =
      method === 'channels'
        ? await channelsOf(dense, texts.slice(0, domains.length), { ...options, placement })
        : undefined;
    const model = await asUserError(() => converted(dense.model, channels, { ...options, placement, seed }));
    try {
      const report = {
        ...describe(dense, model, { method, channels }),
        losses: await lossesOf(dense, model, texts, options),
      };
      if (out === undefined) return report;
      return { ...report, format, saved: await save(dense, model, { out, format, report }) };
    } finally {
      model.dispose();
    }
  } finally {
    dense.model.dispose();
  }
}

function checkChoices({
  method,
  format,
  domains,
  moe,
  ...options
}: ConvertOptions & { method: ConvertMethod; format: ConvertFormat; domains: readonly string[] }): void {
  const wrong = (what: string) => new UserError(what, { exitCode: 2 });
  if (!convertMethods.includes(method))
    throw wrong(`method: expected one of ${convertMethods.join(', ')}, got ${String(method)}.`);
  if (!convertFormats.includes(format))
    throw wrong(`format: expected one of ${convertFormats.join(', ')}, got ${String(format)}.`);
  const foreign = method === 'copies' ? (['width', 'sharedWidth'] as const) : (['noise', 'reinitialize'] as const);
  const found = foreign.find((name) => options[name] !== undefined);
  if (found) throw wrong(`${found}: expected none for ${method}, got ${options[found]}.`);
  if (method === 'copies') {
    if (domains.length > 0) throw wrong(`domains: expected none for copies, got ${domains.length}.`);
    return;
  }
  if (domains.length < 2)
    throw wrong(`domains: expected a text for each of at least 2 experts, got ${domains.length}.`);
  if (moe?.numExperts !== undefined && moe.numExperts !== domains.length)
    throw wrong(`numExperts: expected ${domains.length}, one for each domain, got ${moe.numExperts}.`);
  const { width = 0.5 } = options;
  if (!(width > 0 && width <= 1)) throw wrong(`width: expected a share of the MLP's width, up to 1, got ${width}.`);
}

/** The texts of the domains, then the one that losses are measured on besides. */
async function textsOf(dense: DenseModel, { domains = [], text }: ConvertOptions): Promise<ModelText[]> {
  const { data, validationFraction } = (dense.checkpoint?.index.config ?? {}) as {
    data?: string;
    validationFraction?: number;
  };
  const paths = text === undefined ? domains : [...domains, text];
  if (paths.length === 0 && data !== undefined) {
    const own = await readText(data, dense.tokenizer!, { validationFraction }).catch((error: unknown) => {
      // The run's own data need not be here.
      if (error instanceof UserError) return undefined;
      throw error;
    });
    return own ? [own] : [];
  }
  const texts: ModelText[] = [];
  for (const path of paths) texts.push(await readText(path, tokenizerOf(dense), { validationFraction }));
  return texts;
}

function tokenizerOf({ tokenizer, path }: DenseModel): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new UserError(`${path}: expected a tokenizer.json beside the model, got none.`);
}

function batchesOf({ model, checkpoint }: DenseModel, sequence: TokenSequence, { batches = 20 }: ConvertOptions) {
  const { batchSize = 1 } = (checkpoint?.index.config ?? {}) as { batchSize?: number };
  const { sequenceLength } = model.config;
  const length = checkpoint ? sequenceLength : Math.min(sequenceLength, publicWindow, sequence.ids.length - 1);
  return sequentialTokenBatches(sequence, { batchSize, sequenceLength: length, maxBatches: batches });
}

async function channelsOf(
  dense: DenseModel,
  domains: readonly ModelText[],
  options: ConvertOptions & { placement: Placement },
): Promise<ChannelExperts> {
  const { placement, moe, width = 0.5, sharedWidth } = options;
  const { numLayers } = dense.model.config;
  const layers = Array.from({ length: numLayers }, (_, layer) => layer).filter(
    (layer) => (placement === 'every' || layer % 2 === 1) && (moe?.blocks?.includes(layer) ?? true),
  );
  const batches = domains.map(
    ({ calibration }) =>
      () =>
        batchesOf(dense, calibration, options),
  );
  const channels = Math.max(1, Math.round(width * denseWidthOf(dense.model)));
  return channelExperts(dense.model, batches, { layers, width: channels, sharedWidth });
}

function converted(
  dense: Gpt,
  channels: ChannelExperts | undefined,
  { placement, seed, moe, noise, reinitialize, domains }: ConvertOptions & { placement: Placement; seed: number },
): Gpt {
  if (!channels) {
    const copies: MoeConfig = { kind: 'scmoe', numExperts: 8, ...moe };
    return upcycle(dense, copies, { seed, placement, noise, reinitialize });
  }
  const { sharedWidth, expertWidth } = channels;
  const numExperts = domains!.length;
  const config: MoeConfig = {
    ...(sharedWidth > 0 ? { kind: 'shared', mix: 'add', sharedHidden: sharedWidth } : { kind: 'standard' }),
    ...{ numExperts, topK: 2, normalizeWeights: true, expertHidden: expertWidth },
    ...moe,
  };
  const block = (layer: number) => `block${placement === 'every' ? layer : (layer - 1) / 2}`;
  const ofBlocks = [...channels.channels].map(([layer, own]) => [block(layer), own] as const);
  const model = upcycle(dense, config, { seed, placement, channels: Object.fromEntries(ofBlocks) });
  tf.tidy(() => {
    for (const [layer, { weight }] of channels.routers) {
      const router = model.variables[`${block(layer)}.router.weight`];
      // A gate of another form has no such weight, and begins as it is drawn.
      router?.assign(tf.tensor(weight, router.shape));
    }
  });
  return model;
}

function denseWidthOf({ variables }: Gpt): number {
  const [, first] = Object.entries(variables).find(([name]) => /\.mlp\w*\.(w2|down)$/.test(name))!;
  return first.shape[0];
}

function describe(
  { path, model: dense }: DenseModel,
  model: Gpt,
  { method, channels }: { method: ConvertMethod; channels: ChannelExperts | undefined },
): Omit<ConvertReport, 'losses'> {
  const { moe, placement = 'pairs' } = model.config as GptConfig & { moe: MoeConfig };
  const widthOf = (part: string) =>
    Object.entries(model.variables)
      .find(([name]) => new RegExp(`\\.${part}\\.(w2|down)$`).test(name))?.[1]
      .shape.at(-2) ?? 0;
  return {
    from: path,
    ...{ method, kind: moe.kind, placement, numExperts: model.numExperts, topK: choicesOf(moe) },
    ...{ expertWidth: widthOf('experts'), sharedWidth: widthOf('shared'), denseWidth: denseWidthOf(dense) },
    parameters: {
      dense: dense.numParameters(),
      converted: model.numParameters(),
      active: model.numActiveParameters(),
    },
    ...(channels && {
      routers: Object.fromEntries(
        [...channels.routers].map(([layer, { divergence }]) => [`layer ${layer}`, divergence]),
      ),
    }),
  };
}

/** The experts that a token chooses. */
function choicesOf({ kind, topK }: MoeConfig): number {
  return topK ?? (kind === 'top2' || kind === 'standard' ? 2 : 1);
}

async function lossesOf(
  dense: DenseModel,
  model: Gpt,
  texts: readonly ModelText[],
  options: ConvertOptions,
): Promise<ConvertReport['losses']> {
  const losses: ConvertReport['losses'] = [];
  for (const { path: text, heldOut } of texts) {
    const lossOf = (of: Gpt) => evaluate(crossEntropyOf(of), batchesOf(dense, heldOut, options));
    const { loss, weight: tokens } = await lossOf(dense.model);
    losses.push({ text, tokens, dense: loss, converted: (await lossOf(model)).loss });
  }
  return losses;
}

async function save(
  dense: DenseModel,
  model: Gpt,
  { out, format, report }: { out: string; format: ConvertFormat; report: object },
): Promise<string> {
  const written = { out, file: convertFile, report: report as JsonObject };
  if (format === 'transformers')
    return savePublic(model, { ...(!dense.checkpoint && { from: dense.path }), ...written });
  const { description } = tokenizerOf(dense);
  const { index, dataDescription } = dense.checkpoint ?? {};
  return saveRun({
    ...written,
    checkpoint: {
      step: 0,
      config: runSettings(model, index?.config),
      // Of no data: those that a public model was trained on are not here.
      dataFingerprint: index?.dataFingerprint ?? 'none',
      dataDescription: dataDescription ?? {
        tokenizer: description as unknown as JsonObject,
        vocabSize: model.config.vocabSize,
      },
      parameters: { ...model.variables, ...model.buffers },
      // The state is of parameters that there are no longer.
      optimizer: { name: index?.optimizer.name ?? 'AdamW', stepCount: 0, state: {} },
    },
  });
}
