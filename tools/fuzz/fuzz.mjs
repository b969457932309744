// Calls every kernel of backend scmoe at random, also with arguments that make no sense, and compares with TF.js's own
// backend: npm run fuzz [-- options]
//   --calls <n>   how many (20000)
//   --seed <n>    which ones (the day, so that every night tries others); printed
//   --from <n>    the number of the first, to make one call again: --seed S --from N --calls 1
//   --sanitize    under AddressSanitizer: the addon is compiled for it first (native/scripts/sanitized.mjs)
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 86_400_000)) },
    from: { type: 'string', default: '0' },
    sanitize: { type: 'boolean', default: false },
  },
});
const root = resolve(import.meta.dirname, '..', '..');
const fromSource = ['-C', '@scmoe/source', '--import', join(root, 'tools/testing/src/runSource.mjs')];
const folder = mkdtempSync(join(tmpdir(), 'scmoe-fuzz-'));
const last = join(folder, 'last');

const { args = [], env = {} } = values.sanitize
  ? await (await import('../../native/scripts/sanitized.mjs')).sanitized()
  : {};
console.log(
  `fuzz: ${values.calls} calls from ${values.from} on, seed ${values.seed}${values.sanitize ? ', sanitized' : ''}`,
);
const program = join(root, 'packages/tensor/src/testing/fuzzProgram.ts');
const which = ['--seed', values.seed, '--calls', values.calls, '--from', values.from, '--last', last];
const { stdout, status, signal } = spawnSync(process.execPath, [...fromSource, ...args, program, ...which], {
  encoding: 'utf8',
  env: { ...process.env, ...env },
  stdio: ['ignore', 'pipe', 'inherit'],
  maxBuffer: 2 ** 28,
});

const lines = stdout.trimEnd().split('\n');
if (status === 0 && !signal) {
  for (const line of lines.slice(0, -1)) console.log(line);
  const { calls, odd, equal, bothThrow, refused, alone, differences, reached } = JSON.parse(lines.at(-1));
  const kernels = Object.values(reached);
  const missed = Object.keys(reached).filter((name) => reached[name] === 0);
  console.log(
    `fuzz: ${calls} calls, ${odd} of them odd: ${equal} equal, ${bothThrow} errors here and there, ${refused} refused by us ` +
      `alone; of kernels that only we have ${alone[0]} ended well, ${alone[1]} in an error; ${differences.length} differ`,
  );
  console.log(
    `fuzz: ${kernels.length - missed.length} of ${kernels.length} kernels reached${missed.length ? `, not ${missed}` : ''}`,
  );
  if (differences.length > 0 || (missed.length > 0 && Number(values.calls) >= 1000)) process.exitCode = 1;
} else {
  console.log(stdout);
  console.log(`fuzz: ended with ${signal ?? `status ${status}`} at call ${readFileSync(last, 'utf8')}`);
  process.exitCode = 1;
}
rmSync(folder, { recursive: true });
