import type { OptionSpec, OptionSpecs } from './OptionSpec.js';

/**
 * The flag of an option on a command line, without its dashes: `load-balance`, its own or its name with hyphens. undefined
 * where it has none: records and lists are for configurations that are written in code.
 */
export function flagOf(name: string, spec: OptionSpec): string | undefined {
  if (spec.flag === false || spec.type === 'record' || spec.type === 'integers' || spec.type === 'numbers')
    return undefined;
  return spec.flag ?? kebabCase(name);
}

/** The name `topK` as `top-k`. */
export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The name that a setting has after the flag it was given by, as checkpoints keep it: `loadBalance` of `load-balance`. */
export function settingOf(flag: string): string {
  return flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The configuration that a table describes, of settings by the names of their flags; what is not given is left out. */
export function configOfSettings(specs: OptionSpecs, settings: object): Record<string, unknown> {
  const given: Readonly<Record<string, unknown>> = { ...settings };
  const config = Object.entries(specs).flatMap(([name, spec]) => {
    const flag = flagOf(name, spec);
    return flag === undefined ? [] : [[name, given[settingOf(flag)]] as const];
  });
  // An explicit undefined would hide a default.
  return Object.fromEntries(config.filter(([, value]) => value !== undefined));
}
