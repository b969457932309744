// Counts of the last test run. Every suite leaves test-results/<suite>.json in its project, in the shape of Jest's
// --json report; Nx caches that folder with the task, so a replayed run counts like a fresh one.
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const folders = ['packages', 'apps', 'tools'];

function resultFolders(root) {
  const projects = folders
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
    .concat(join(root, 'native'));
  return projects.map((project) => join(project, 'test-results')).filter((folder) => existsSync(folder));
}

/** Forgets earlier runs, so that a suite that dies before it reports is not counted with old numbers. */
export function clearResults(root) {
  for (const folder of resultFolders(root)) rmSync(folder, { recursive: true });
}

/**
 * @returns {{ name: string, passed: number, failed: number, skipped: number, failures: string[] }[]} one entry a suite. A test file that
 *   could not run at all (a syntax error, a crash) counts as one failure.
 */
export function readResults(root) {
  return resultFolders(root).flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .map((file) => {
        const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
        return {
          name: relative(root, dirname(folder)),
          passed: report.numPassedTests,
          failed: report.numFailedTests + (report.numRuntimeErrorTestSuites ?? 0),
          skipped: report.numPendingTests + (report.numTodoTests ?? 0),
          failures: report.failures ?? [],
        };
      }),
  );
}

/** `12 passed, 0 failed, 1 skipped` over all entries. */
export function summarize(results) {
  const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
  return `${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`;
}

const failuresShown = 12;
const linesShown = 16;
const isForeignFrame = (line) => /^\s*at .*node_modules/.test(line);

/**
 * What failed and the beginning of why, for the end of a long log of which often only the end is kept.
 *
 * @returns {string[]} lines, none where all passed
 */
export function tellFailures(results) {
  const all = results.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`));
  const lines = all.slice(0, failuresShown).flatMap((failure) => {
    const [first, ...rest] = failure.split('\n').filter((line) => line.trim() !== '' && !isForeignFrame(line));
    return [`failed test: ${first}`, ...rest.slice(0, linesShown).map((line) => `    ${line}`)];
  });
  if (all.length > failuresShown) lines.push(`and ${all.length - failuresShown} more`);
  return lines;
}
