import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';

import { anchorsOf, withoutCode } from './anchorsOf.mjs';
import { filesIn } from './filesIn.mjs';

const sources = new Set(['.ts', '.mts', '.mjs', '.h', '.cc', '.sh']);

/**
 * Links of all Markdown files that lead nowhere within the repository, pointers from sources to a file or an anchor of docs/
 * that is not there, and decisions that the index at the top of docs/decisions.md lacks.
 *
 * @param root folder of the repository
 * @returns a sentence for each problem
 */
export function linkProblems(root) {
  const paths = filesIn(root);
  const anchors = new Map();
  const hasAnchor = (path, anchor) => {
    if (extname(path) !== '.md') return true;
    if (!anchors.has(path)) anchors.set(path, anchorsOf(readFileSync(path, 'utf8')));
    return anchors.get(path).has(anchor);
  };
  const problemsOf = (path, targets, folder) =>
    targets.flatMap((target) => {
      const [file, anchor] = target.split('#');
      const to = file === '' ? path : resolve(folder, decodeURIComponent(file));
      if (!existsSync(to)) return [`${relative(root, path)}: there is no ${target}`];
      return anchor === undefined || hasAnchor(to, anchor)
        ? []
        : [`${relative(root, path)}: ${relative(root, to)} has no #${anchor}`];
    });

  return [
    ...paths
      .filter((path) => extname(path) === '.md')
      .flatMap((path) => problemsOf(path, linksOf(readFileSync(path, 'utf8')), dirname(path))),
    ...paths
      .filter((path) => sources.has(extname(path)) && !path.endsWith('.test.mjs'))
      .flatMap((path) => problemsOf(path, pointersOf(readFileSync(path, 'utf8')), root)),
    ...decisionProblems(join(root, 'docs', 'decisions.md')),
  ];
}

/** Targets of links and pictures within the repository. */
function linksOf(markdown) {
  const text = withoutCode(markdown).replace(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Paths below docs/, with an anchor or without. */
function pointersOf(source) {
  return [...source.matchAll(/(?<![\w/.-])docs\/[\w/-]+\.md(#[\w-]+)?/g)].map(([pointer]) => pointer);
}

/** Every decision has an anchor of its own, to which the index leads. */
function decisionProblems(path) {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  const index = text.slice(0, text.search(/^## \d/m));
  return [...text.matchAll(/^(.*)\n+## (\d.*)$/gm)].flatMap(([, above, title]) => {
    const id = /^<a id="([\w-]+)"><\/a>$/.exec(above)?.[1];
    if (!id) return [`docs/decisions.md: '${title}' has no line <a id="..."></a> above it`];
    return index.includes(`](#${id})`) ? [] : [`docs/decisions.md: the index has no link to #${id}`];
  });
}
