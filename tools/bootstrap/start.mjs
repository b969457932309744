// npm start: prepares the machine, builds what has changed and trains the default model, on two ranks where that works.
// `vision` as the first argument trains a vision model on drawn shapes in place of a language model. Other arguments go to
// the trainer, except --ranks: npm start -- --ranks 1 --data my-texts --steps 2000
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { nx } from './nx.mjs';
import { prepare } from './prepare.mjs';
import { fail, say } from './say.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What can be trained: the application, and what it is told unless the command line says otherwise. */
const kinds = {
  text: { app: 'lm-train', defaults: [] },
  // Two minutes on two cores: small enough to see the shapes about ten times.
  vision: {
    app: 'vit-train',
    defaults: ['--minutes', '1.7', '--num-layers', '4', '--d-model', '96', '--batch-size', '64', '--eval-every', '0'],
  },
};

async function build(app) {
  const began = Date.now();
  say('building (a minute the first time, seconds after that)');
  const { status, output } = await nx(['run-many', '-t', 'build', '-p', `@scmoe/${app}`, '@scmoe/cli'], {
    root,
    quiet: true,
  });
  if (status !== 0) {
    console.error(output);
    fail('the build failed; its output is above.', '`npm run build` repeats it.');
  }
  say(`built in ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

/** `--ranks n` or `--ranks=n`, taken out of the arguments. */
function takeRanks(args) {
  const at = args.findIndex((arg) => /^--ranks(=|$)/.test(arg));
  if (at < 0) return { rest: args };
  const inline = args[at].includes('=');
  const text = inline ? args[at].slice('--ranks='.length) : args[at + 1];
  const ranks = Number(text);
  if (!Number.isInteger(ranks) || ranks < 1) fail(`--ranks: expected a whole number of at least 1, got ${text}`);
  return { ranks, rest: args.toSpliced(at, inline ? 1 : 2) };
}

/** Two ranks show what the project is for; they need the communicator's addon, and a core each. */
function defaultRanks(args) {
  const addon = join('prebuilds', `${process.platform}-${process.arch}`, 'scmoe_comm_gloo.node');
  const canTalk = existsSync(join(root, 'packages', 'comm', addon));
  const asks = args.some((arg) => arg === '--help' || arg === '-h');
  return canTalk && availableParallelism() >= 2 && !asks ? 2 : 1;
}

/** The trainer gets Ctrl-C from the terminal itself and decides what to finish; this process only waits for it. */
function train({ app, defaults }, args) {
  const { rest, ranks = defaultRanks(rest) } = takeRanks(args);
  const trainer = [join(root, 'apps', app, 'dist', 'main.js'), 'train', ...defaults, ...rest];
  const scmoe = join(root, 'packages', 'cli', 'bin', 'scmoe.mjs');
  const launcher = [scmoe, 'launch', '-n', String(ranks), '--attach', '0'];
  const child = spawn(process.execPath, ranks === 1 ? trainer : [...launcher, ...trainer], { stdio: 'inherit' });
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.once('error', (error) => fail(`the trainer did not start: ${error.message}`));
  child.once('exit', (status, signal) => {
    process.exitCode = status ?? 128 + constants.signals[signal];
  });
}

const [first, ...others] = process.argv.slice(2);
const isVision = first === 'vision';
const kind = isVision ? kinds.vision : kinds.text;
prepare(root);
await build(kind.app);
train(kind, isVision ? others : process.argv.slice(2));
