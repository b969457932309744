import { parseEndpoint, tokenPattern } from '@scmoe/comm/launch';
import { bytesOf } from '@scmoe/errors';
import { stageKinds } from '@scmoe/scheduler';
import { InvalidArgumentError } from 'commander';

/** Parses a whole number in [minimum, maximum]. */
export function wholeNumber(minimum: number, maximum = 9_999_999): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,7}$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${minimum} to ${maximum}.`);
  };
}

/** Parses a list of whole numbers, such as `2,8,64`. */
export function wholeNumbers(minimum: number): (text: string) => readonly number[] {
  return (text) => text.split(',').map(wholeNumber(minimum));
}

/** Parses the number of ranks on a host. */
export function ranksHere(text: string): number | 'auto' {
  if (text === 'auto') return text;
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1 to 9999, or auto.');
}

/** Parses seconds into milliseconds. */
export function seconds(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value <= 86_400) return value * 1000;
  throw new InvalidArgumentError('Expected seconds, from 0 to 86400.');
}

/** Parses host and port. */
export function endpoint(text: string): { host: string; port: number } {
  try {
    return parseEndpoint(text, '--rdzv-endpoint');
  } catch {
    throw new InvalidArgumentError('Expected host:port, such as 10.0.0.1:29400.');
  }
}

/** Parses the secret of a run. */
export function secret(text: string): string {
  if (tokenPattern.test(text)) return text;
  throw new InvalidArgumentError('Expected 1 to 256 visible ASCII characters without spaces.');
}

/** Parses the names of stages, such as `standard,pos2`, at most so many. */
export function stageNames(most = Infinity): (text: string) => string {
  return (text) => {
    const names = text.split(',');
    const known = new Set<string>(stageKinds);
    if (names.length <= most && names.every((name) => known.has(name))) return text;
    throw new InvalidArgumentError(`Expected ${most === 1 ? 'one' : 'some'} of ${stageKinds.join(', ')}.`);
  };
}

/** Parses a share of communication. */
export function share(text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value <= 0.99)) throw new InvalidArgumentError('Expected a share from 0 to 0.99.');
  return value;
}

/** Parses the name of a picture file. */
export function pictureFile(text: string): string {
  if (!/\.(svg|png)$/.test(text)) throw new InvalidArgumentError('Expected a file name ending in .svg or .png.');
  return text;
}

/** Parses one of a few words. */
export function oneOf<Choice extends string>(...choices: readonly Choice[]): (text: string) => Choice {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new InvalidArgumentError(`Expected ${choices.join(' or ')}.`);
    return found;
  };
}

/** Parses a number in [minimum, maximum]. */
export function realNumber(minimum: number, maximum = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(
      maximum === Infinity
        ? `Expected a number of at least ${minimum}.`
        : `Expected a number from ${minimum} to ${maximum}.`,
    );
  };
}

/** Parses a size of memory. */
export function byteSize(text: string): number {
  const bytes = bytesOf(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('Expected a size of memory such as 40GiB.');
}
