// Prints what failed in the last test run, and its counts as one line: `12 passed, 0 failed, 1 skipped`.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { readResults, summarize, tellFailures } from './results.mjs';

const results = readResults(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
for (const line of tellFailures(results)) console.log(line);
console.log(summarize(results));
