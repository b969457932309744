// A Jest reporter that leaves the run's counts in <project>/test-results/jest.json, where results.mjs adds them up.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export default class CountsReporter {
  constructor({ rootDir }) {
    this.folder = join(rootDir, 'test-results');
  }

  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = results;
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(
      join(this.folder, 'jest.json'),
      JSON.stringify({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites }),
    );
  }
}
