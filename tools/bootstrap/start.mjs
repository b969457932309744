// npm start: prepares the machine, builds what has changed and trains the default model. Arguments go to the trainer:
// npm start -- --data my-texts --steps 2000
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { nx } from './nx.mjs';
import { prepare } from './prepare.mjs';
import { fail, say } from './say.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

async function build() {
  const began = Date.now();
  say('building (a minute the first time, seconds after that)');
  const { status, output } = await nx(['run', '@scmoe/lm-train:build'], { root, quiet: true });
  if (status !== 0) {
    console.error(output);
    fail('the build failed; its output is above.', '`npm run build` repeats it.');
  }
  say(`built in ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

/** The trainer gets Ctrl-C from the terminal itself and decides what to finish; this process only waits for it. */
function train(args) {
  const child = spawn(process.execPath, [join(root, 'apps', 'lm-train', 'dist', 'main.js'), 'train', ...args], {
    stdio: 'inherit',
  });
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.once('error', (error) => fail(`the trainer did not start: ${error.message}`));
  child.once('exit', (status, signal) => {
    process.exitCode = status ?? 128 + constants.signals[signal];
  });
}

prepare(root);
await build();
train(process.argv.slice(2));
