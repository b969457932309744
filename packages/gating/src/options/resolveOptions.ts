import { expectKnownOptions, expectThat } from '@scmoe/errors';

import { allowedText, isAllowed } from './allowed.js';
import type { OptionSpec, OptionSpecs, OptionsOf, ResolvedOptions } from './OptionSpec.js';

/** What the caller knows of a configuration besides its table. */
export interface ResolveContext<Specs extends OptionSpecs> {
  /** Defaults that other options decide; they take precedence over those of the table. */
  defaults?: { readonly [Name in keyof OptionsOf<Specs>]?: OptionsOf<Specs>[Name] | undefined };
  /** Name of the option that the configuration is the value of, for messages: `moe` makes `moe.topK`. */
  within?: string;
}

/**
 * Picks the options of a table from a configuration, which may have others, fills in the defaults and checks each one by
 * itself. An option that is undefined counts as absent. Rules between options are the caller's.
 *
 * @throws ArgumentError naming the option, what is allowed and what came
 */
export function resolveOptions<const Specs extends OptionSpecs>(
  config: Partial<OptionsOf<Specs>>,
  specs: Specs,
  { defaults = {}, within }: ResolveContext<Specs> = {},
): ResolvedOptions<Specs> {
  const given: Readonly<Record<string, unknown>> = config;
  const derived = defaults as Readonly<Record<string, unknown>>;
  const resolved = Object.entries<OptionSpec>(specs).flatMap(([name, spec]) => {
    const value = given[name] ?? derived[name] ?? spec.default;
    if (value === undefined && spec.optional) return [];
    return [[name, resolveOption(within ? `${within}.${name}` : name, value, spec)]];
  });
  return Object.fromEntries(resolved) as ResolvedOptions<Specs>;
}

function resolveOption(name: string, value: unknown, spec: OptionSpec): unknown {
  expectThat(isAllowed(value, spec), name, allowedText(spec), value);
  if (spec.type !== 'record') return value;
  const record = value as Partial<OptionsOf<OptionSpecs>>;
  expectKnownOptions(name, record, Object.keys(spec.options));
  return resolveOptions(record, spec.options, { within: name });
}
