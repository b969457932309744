import { readFileSync } from 'node:fs';
import { extname, relative } from 'node:path';

import { filesIn } from './filesIn.mjs';

/** Words that begin what is left of a sentence without its noun: `Of the forward pass.`, `Called after every update.` */
const fragments = 'Of With Without As By At To On From For In Called Trained Added Undefined'.split(' ');
// `In-context recall` and `To-do lists` are nouns.
const beginning = new RegExp(`/\\*\\*[\\s*]+((?:${fragments.join('|')})(?![\\w-])[^\\n]*)`, 'g');

/**
 * Docstrings of TypeScript sources whose first sentence is a fragment, as far as its first word tells.
 *
 * @param root folder of the repository
 * @returns a sentence for each problem
 */
export function docstringProblems(root) {
  return filesIn(root)
    .filter((path) => extname(path) === '.ts')
    .flatMap((path) => {
      const text = readFileSync(path, 'utf8');
      return [...text.matchAll(beginning)].map(({ 1: begins, index }) => {
        const line = text.slice(0, index).split('\n').length;
        const got = begins.replace(/\s*\*\/\s*$/, '');
        return `${relative(root, path)}:${line}: expected a sentence or a noun phrase with its noun, got "${got}"`;
      });
    });
}
