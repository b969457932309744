// A Jest reporter that leaves the run's counts, and what failed and why, in <project>/test-results/jest.json, where
// results.mjs adds them up.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export default class CountsReporter {
  constructor({ rootDir }) {
    this.rootDir = rootDir;
    this.folder = join(rootDir, 'test-results');
  }

  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = results;
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(
      join(this.folder, 'jest.json'),
      JSON.stringify({
        numPassedTests,
        numFailedTests,
        numPendingTests,
        numTodoTests,
        numRuntimeErrorTestSuites,
        failures: results.testResults.flatMap((file) => failuresOf(file, this.rootDir)),
      }),
    );
  }
}

/** @returns {string[]} for each failed test of a file, or the file that could not run, its name and the message below. */
function failuresOf({ testFilePath, testResults, testExecError, failureMessage }, rootDir) {
  const file = relative(rootDir, testFilePath);
  const failed = testResults.filter(({ status }) => status === 'failed');
  if (failed.length === 0 && testExecError) return [stripVTControlCharacters(`${file}\n${failureMessage ?? ''}`)];
  return failed.map(({ fullName, failureMessages }) =>
    stripVTControlCharacters(`${file}: ${fullName}\n${failureMessages.join('\n')}`),
  );
}
