// node test.mjs [folder]: runs a folder's tests (default: this one's) with Node's own runner and leaves their counts where
// results.mjs looks.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const folder = resolve(process.argv[2] ?? dirname(fileURLToPath(import.meta.url)));
const files = readdirSync(folder).filter((name) => name.endsWith('.test.mjs'));
const counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, failures: [] };
const stream = run({ files: files.map((name) => join(folder, name)) });
const isTest = ({ details }) => details.type !== 'suite';

stream.on('test:pass', (test) => {
  if (isTest(test)) counts[test.skip ? 'numPendingTests' : 'numPassedTests'] += 1;
});
stream.on('test:fail', (test) => {
  if (isTest(test)) {
    counts.numFailedTests += 1;
    counts.failures.push(`${test.name}\n${test.details.error?.cause?.stack ?? test.details.error}`);
  }
  process.exitCode = 1;
});
stream.on('end', () => {
  mkdirSync(join(folder, 'test-results'), { recursive: true });
  writeFileSync(join(folder, 'test-results', 'node-test.json'), JSON.stringify(counts));
});
stream.compose(new spec()).pipe(process.stdout);
