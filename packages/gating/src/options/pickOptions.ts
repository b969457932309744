import type { OptionSpecs } from './OptionSpec.js';

/** What of a configuration is in a table. */
export function pickOptions<Config extends object, Specs extends OptionSpecs>(
  config: Config,
  specs: Specs,
): Pick<Config, keyof Config & keyof Specs> {
  return Object.fromEntries(Object.entries(config).filter(([name]) => name in specs)) as Pick<
    Config,
    keyof Config & keyof Specs
  >;
}

/** What of a configuration is not in a table. */
export function omitOptions<Config extends object, Specs extends OptionSpecs>(
  config: Config,
  specs: Specs,
): Omit<Config, keyof Specs> {
  return Object.fromEntries(Object.entries(config).filter(([name]) => !(name in specs))) as Omit<Config, keyof Specs>;
}
