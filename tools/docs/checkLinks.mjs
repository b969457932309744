// Fails where a link or a pointer to the documentation leads nowhere. Part of `npm run lint`.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { linkProblems } from './linkProblems.mjs';

const problems = linkProblems(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log('all links and pointers to the documentation lead somewhere');
