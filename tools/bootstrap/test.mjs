// Runs this folder's tests with Node's own runner and leaves their counts where results.mjs looks.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 };
const stream = run({ files: [join(here, 'bootstrap.test.mjs')] });
const isTest = ({ details }) => details.type !== 'suite';

stream.on('test:pass', (test) => {
  if (isTest(test)) counts[test.skip ? 'numPendingTests' : 'numPassedTests'] += 1;
});
stream.on('test:fail', (test) => {
  if (isTest(test)) counts.numFailedTests += 1;
  process.exitCode = 1;
});
stream.on('end', () => {
  mkdirSync(join(here, 'test-results'), { recursive: true });
  writeFileSync(join(here, 'test-results', 'node-test.json'), JSON.stringify(counts));
});
stream.compose(new spec()).pipe(process.stdout);
