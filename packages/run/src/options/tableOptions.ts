import {
  allowedText,
  configOfSettings,
  flagOf,
  isAllowed,
  kebabCase,
  type OptionSpec,
  type OptionSpecs,
} from '@scmoe/gating';
import { InvalidArgumentError, Option } from 'commander';

/**
 * The options of a command that a table describes, each with its flag, its help, what it may be and its default. A new
 * entry of the table is a new option of every program.
 *
 * @param defaults values that the program takes where the table has others or none, by name
 */
export function tableOptions(specs: OptionSpecs, defaults: Readonly<Record<string, unknown>> = {}): Option[] {
  return Object.entries(specs).flatMap(([name, spec]) => {
    const flag = flagOf(name, spec);
    return flag === undefined ? [] : optionsOfSpec(flag, spec, defaults[name] ?? spec.default);
  });
}

/** The configuration that a table describes, of settings that the options of `tableOptions` have made. */
export function tableConfig(specs: OptionSpecs, settings: object): Record<string, unknown> {
  return configOfSettings(specs, settings);
}

function optionsOfSpec(flag: string, spec: OptionSpec, initial: unknown): Option[] {
  const help = spec.derived === undefined ? spec.help : `${spec.help} (default: ${withFlags(spec.derived)})`;
  if (spec.type === 'boolean') {
    if (initial === true) return [new Option(`--no-${flag}`, `without: ${help}`)];
    const option = new Option(`--${flag}`, help);
    if (initial === false) return [option.default(false)];
    return [option, new Option(`--no-${flag}`, `without: ${spec.help}`)];
  }
  const option = new Option(`--${flag} <${placeholder(spec)}>`, help).argParser((text) => parseValue(text, spec));
  if (spec.type === 'choice') {
    option.choices(spec.choices.map(String)).argParser((text) => parseValue(text, spec));
  }
  return [initial === undefined ? option : option.default(initial)];
}

function placeholder({ type }: OptionSpec): string {
  return type === 'integer' ? 'n' : type === 'number' ? 'x' : 'name';
}

function parseValue(text: string, spec: OptionSpec): unknown {
  const value = spec.type === 'choice' ? spec.choices.find((choice) => String(choice) === text) : numberOf(text);
  if (value !== undefined && isAllowed(value, spec)) return value;
  if (spec.type === 'choice') throw new InvalidArgumentError(`Allowed choices are ${spec.choices.join(', ')}.`);
  throw new InvalidArgumentError(`Expected ${allowedText(spec)}.`);
}

function numberOf(text: string): number {
  return text.trim() === '' ? NaN : Number(text);
}

/** `4 ffnHidden` as `4 --ffn-hidden`: what are names of options in a table are flags in its help. */
function withFlags(text: string): string {
  return text.replace(/\b[a-z]+[A-Z]\w*/g, (name) => `--${kebabCase(name)}`);
}
