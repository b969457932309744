// Prints the counts of the last test run as one line: `12 passed, 0 failed, 1 skipped`.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { readResults, summarize } from './results.mjs';

console.log(summarize(readResults(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))));
