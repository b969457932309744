// Makes calls of every kernel at random and compares with backend cpu; see fuzz/fuzz.ts. The last line is the report as
// JSON, those before it are the calls that differ.
//   --seed <n>, --calls <n>, --from <n>   which calls; each is drawn by seed and number (7, 1000, 0)
//   --last <file>                         keeps the call that is being made, for whoever finds the process dead
//   --verbose                             says each call before it is made
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { writeNow } from '@scmoe/native/signatures';

import '../index.js';

import { fuzz } from './fuzz/fuzz.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '7' },
    calls: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    last: { type: 'string', default: '/dev/null' },
    verbose: { type: 'boolean', default: false },
  },
});

const last = openSync(values.last, 'w');
const report = fuzz({
  seed: Number(values.seed),
  from: Number(values.from),
  calls: Number(values.calls),
  onCall: (number, text) => {
    if (values.verbose) writeNow(`${number}: ${text}`);
    if (values.last === '/dev/null') return;
    ftruncateSync(last);
    writeSync(last, `${number}: ${text}`, 0);
  },
  onDifference: (text) => writeNow(`differs: ${text}`),
});
closeSync(last);
writeNow(JSON.stringify({ seed: Number(values.seed), ...report }));
