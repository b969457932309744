import { expectThat } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

/** Version of what getConfig gives: it grows when an option that was saved before comes to mean something else. */
export const configVersion = 1;

/**
 * The arguments of a layer from tf.layers' saved form, which turns absent options into null and `gelu_tanh` into camel
 * case. A config without a version is of the first.
 * @throws ArgumentError for a version that is newer than this package.
 */
export function restoredArgs(className: string, config: tf.serialization.ConfigDict): Record<string, unknown> {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- TF.js adds customObjects to what it has read
  const { configVersion: version = 1, customObjects, ...options } = config;
  const isKnown = Number.isInteger(version) && (version as number) >= 1 && (version as number) <= configVersion;
  const expected = `an integer from 1 to ${configVersion}, which is what this version of @scmoe/layer reads`;
  expectThat(isKnown, `${className}: configVersion`, expected, version);
  const args = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null));
  if (args.activation === 'geluTanh') args.activation = 'gelu_tanh';
  return args;
}
