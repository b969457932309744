import { expectThat } from '@scmoe/errors';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { JsonObject } from '../folder/openFolder.js';
import type { ConfigReader } from './ConfigReader.js';

type Windows = Pick<GptConfig, 'window' | 'windowLayers'>;

const kinds = ['full_attention', 'sliding_attention'] as const;

/**
 * The window of all layers, `sliding_window`: null for none.
 *
 * @param fallback the window where the key is missing
 */
export function readWindow(config: ConfigReader, fallback?: number): Windows {
  if (config.isNull('sliding_window')) {
    config.skip('sliding_window');
    return {};
  }
  return config.has('sliding_window') || fallback !== undefined
    ? { window: config.integer('sliding_window', fallback) }
    : {};
}

/**
 * The window of those layers that `layer_types` calls `sliding_attention`.
 *
 * @param isSliding which layers are, where there is no such list
 */
export function readLayerWindows(
  config: ConfigReader,
  { window, numLayers, isSliding }: { window?: number; numLayers: number; isSliding: (layer: number) => boolean },
): Windows {
  const types = config.take('layer_types') ?? Array.from({ length: numLayers }, (_, i) => kinds[isSliding(i) ? 1 : 0]);
  const isList = Array.isArray(types) && types.length === numLayers;
  if (!isList || !types.every((type) => (kinds as readonly unknown[]).includes(type)))
    config.fail('layer_types', `expected ${numLayers} of ${kinds.map((kind) => JSON.stringify(kind)).join(', ')}`);
  const sliding = (types as unknown[]).flatMap((type, layer) => (type === kinds[1] ? [layer] : []));
  if (sliding.length === 0) return {};
  if (window === undefined) config.fail('sliding_window', 'expected an integer, for layers with sliding attention');
  return sliding.length === numLayers ? { window } : { window, windowLayers: sliding };
}

/** The window of all layers where `use_sliding_window` says that there is one (Qwen). */
export function readUsedWindow(config: ConfigReader): Windows {
  config.skip('max_window_layers');
  if (config.boolean('use_sliding_window', false)) return readWindow(config, 4096);
  config.skip('sliding_window');
  return {};
}

/** The same of the layers from `max_window_layers` on, or those of `layer_types` (dense Qwen). */
export function readLaterWindows(config: ConfigReader, { numLayers }: Pick<GptConfig, 'numLayers'>): Windows {
  const first = config.integer('max_window_layers', 28, { minimum: 0 });
  const { window } = readUsedWindow(config);
  return readLayerWindows(config, { window, numLayers, isSliding: (i) => window !== undefined && i >= first });
}

/** The window of a family whose layers are alike. @throws ArgumentError where only some have one */
export function writeWindow({ stages }: ResolvedGpt): JsonObject {
  const { window } = stages[0]!.config;
  const odd = stages.find(({ config }) => config.window !== window);
  expectThat(odd === undefined, 'windowLayers', 'all blocks or none', odd?.name);
  return { sliding_window: window ?? null };
}

/** Which layers have which kind of attention, and the window. */
export function writeLayerWindows({ stages }: ResolvedGpt): JsonObject {
  const window = stages.find(({ config }) => config.window !== undefined)?.config.window;
  return {
    layer_types: stages.map(({ config }) => kinds[config.window === undefined ? 0 : 1]),
    sliding_window: window ?? null,
  };
}
