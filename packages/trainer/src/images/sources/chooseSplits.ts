import { UserError } from '@scmoe/errors';

import type { SplitName } from './ImageSource.js';

/** Names for what is kept apart, the one to evaluate on during training first. */
const heldOut = ['val', 'valid', 'validation', 'dev', 'test', 'eval'];

/** What a folder or file of this name holds: `train`, one of the names of what is kept apart, or neither. */
export function splitWord(name: string): string | undefined {
  const words = name.toLowerCase().split(/[^a-z0-9]+/);
  return words.find((word) => word === 'train' || word === 'training' || heldOut.includes(word));
}

/**
 * Which of the parts that a data set has are read as what: `train` for training, and one other for testing: `testSplit`, or
 * else validation before test. What has no name is for training where nothing else is.
 *
 * @throws UserError where `testSplit` is not there, or nothing to train on is.
 */
export function chooseSplits(
  path: string,
  words: Iterable<string | undefined>,
  testSplit?: string,
): (word: string | undefined) => SplitName | undefined {
  const present = new Set(words);
  const kept = heldOut.filter((word) => present.has(word));
  const test = testSplit?.toLowerCase() ?? kept[0];
  if (testSplit !== undefined && !present.has(test))
    throw new UserError(`${path}: expected a split ${testSplit}, got ${kept.join(', ') || 'none besides training'}.`);
  const isTraining = (word: string | undefined) => word === 'train' || word === 'training';
  const hasTraining = [...present].some(isTraining);
  if (!hasTraining && !present.has(undefined))
    throw new UserError(`${path} holds nothing to train on: expected a split train, got ${kept.join(', ')} alone.`);
  return (word) => {
    if (word === test && word !== undefined) return 'test';
    return isTraining(word) || (word === undefined && !hasTraining) ? 'train' : undefined;
  };
}
