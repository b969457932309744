// Fails where the first sentence of a docstring is a fragment. Part of `npm run lint`.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { docstringProblems } from './docstringProblems.mjs';

const problems = docstringProblems(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log('all docstrings begin with a sentence or a noun phrase');
