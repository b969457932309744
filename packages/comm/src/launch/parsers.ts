import { InvalidArgumentError } from 'commander';

import { parseEndpoint } from '../place/findRendezvous.js';
import { tokenPattern } from '../rendezvous/token.js';
import { ranksPerHost } from './ranksPerHost.js';

/** Parses a whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,7}$/.test(text) && value >= minimum) return value;
    throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
  };
}

export function parseRanks(text: string): number {
  if (text === 'auto') return ranksPerHost();
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1 to 9999, or auto.');
}

/** Parses seconds into milliseconds. */
export function seconds(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value <= 86_400) return value * 1000;
  throw new InvalidArgumentError('Expected seconds, from 0 to 86400.');
}

export function endpoint(text: string): { host: string; port: number } {
  try {
    return parseEndpoint(text, '--rdzv-endpoint');
  } catch {
    throw new InvalidArgumentError('Expected host:port, such as 10.0.0.1:29400.');
  }
}

export function secret(text: string): string {
  if (tokenPattern.test(text)) return text;
  throw new InvalidArgumentError('Expected 1 to 256 visible ASCII characters without spaces.');
}
