import { readFile } from 'node:fs/promises';

import { UserError } from '@scmoe/errors';
import { fileError } from '@scmoe/trainer';
import type { Command, Option } from 'commander';
import { parse } from 'yaml';

/**
 * Fills a command's options from its `--config` file, YAML or JSON, whose keys are the options' names in camel case.
 * Flags on the command line override the file, the file overrides defaults.
 *
 * @throws UserError when the file can't be read, or has a key or a value that the option does not take.
 */
export async function applyConfigFile(command: Command): Promise<void> {
  const path = command.getOptionValue('config') as string | undefined;
  if (path === undefined) return;
  for (const [key, value] of Object.entries(await readConfig(path))) {
    const option = command.options.find((candidate) => candidate.attributeName() === key && key !== 'config');
    if (!option) {
      const known = command.options.map((candidate) => candidate.attributeName()).filter((name) => name !== 'config');
      const names = [...new Set(known)].join(', ');
      throw usage(`${path}: unknown option ${JSON.stringify(key)}; expected one of ${names}.`);
    }
    const source = command.getOptionValueSource(key);
    if (value === null || source === 'cli') continue;
    command.setOptionValueWithSource(key, parseValue(path, option, value), 'config');
  }
}

async function readConfig(path: string): Promise<object> {
  let value: unknown;
  try {
    // JSON is YAML, so one parser reads both.
    value = parse(await readFile(path, 'utf8'));
  } catch (error) {
    const told = fileError(`read --config ${path}`, error) as Error;
    // The parser shows the place in the file below its sentence.
    const sentence = told.message.split('\n')[0]!.replace(/:$/, '.');
    throw usage(told === error ? `Can't read --config ${path}: ${sentence}` : sentence, error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw usage(`Can't read --config ${path}: expected a mapping of option names to values.`);
}

/**
 * A value of an option as a file has it.
 *
 * @param path where it stands, for the message
 * @throws UserError where the option does not take it
 */
export function parseValue(path: string, option: Option, value: unknown): unknown {
  const key = option.attributeName();
  const wrong = (expected: string) => usage(`${path}: ${key}: expected ${expected}, got ${JSON.stringify(value)}.`);
  if (option.isBoolean() || option.negate) {
    if (typeof value === 'boolean') return value;
    throw wrong('true or false');
  }
  // Some choices are true, false or a word.
  const isText = ['string', 'number', ...(option.argChoices?.includes('true') ? ['boolean'] : [])].includes(
    typeof value,
  );
  if (!isText) throw wrong('a string or a number');
  if (!option.parseArg) return String(value);
  try {
    return option.parseArg(String(value), undefined);
  } catch (error) {
    throw usage(`${path}: ${key}: got ${JSON.stringify(value)}. ${(error as Error).message}`, error);
  }
}

function usage(message: string, cause?: unknown): UserError {
  return new UserError(message, { exitCode: 2, cause });
}
