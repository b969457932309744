import { relative } from 'node:path';

import { chooseSplits, splitWord } from './chooseSplits.js';
import type { SplitName } from './ImageSource.js';

/** A file that holds pictures of one split. */
export interface Shard {
  path: string;
  split: SplitName;
}

/**
 * Which of the files below `root` are read as what, told by their names; those for training come first.
 *
 * @throws UserError where `testSplit` is not there, or nothing to train on is.
 */
export function chooseShards(root: string, paths: readonly string[], testSplit?: string): Shard[] {
  const wordOf = (path: string) => splitWord(relative(root, path));
  const splitOf = chooseSplits(root, paths.map(wordOf), testSplit);
  const chosen = paths.flatMap((path): Shard[] => {
    const split = splitOf(wordOf(path));
    return split === undefined ? [] : [{ path, split }];
  });
  return chosen.sort((a, b) => (a.split === b.split ? 0 : a.split === 'train' ? -1 : 1));
}
