// npm run reference:check [-- --thorough]: computes the reference values and checkpoints again, in Python.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const requirements = join(folder, 'generate', 'requirements.txt');
const needed = readFileSync(requirements, 'utf8')
  .split('\n')
  .filter((line) => line.includes('=='))
  .map((line) => line.split('=='));

/** What is missing in a Python, in words; undefined where nothing is. */
function problemOf(python) {
  const program =
    'import json; from importlib.metadata import distributions; ' +
    'print(json.dumps({d.metadata["Name"].lower(): d.version for d in distributions()}))';
  const { status, stdout, error } = spawnSync(python, ['-c', program], { encoding: 'utf8' });
  if (error || status !== 0) return `${python} could not be run${error ? ` (${error.message})` : ''}`;
  const versions = JSON.parse(stdout);
  const wrong = needed
    // Builds of torch for one kind of device have a suffix: 2.13.0+cpu.
    .filter(([name, version]) => versions[name]?.split('+')[0] !== version)
    .map(([name, version]) => `${name} ${version} (found ${versions[name] ?? 'none'})`);
  return wrong.length > 0 ? `${python} lacks ${wrong.join(', ')}` : undefined;
}

const python = process.env.SCMOE_PYTHON ?? 'python3';
const problem = problemOf(python);
if (problem) {
  const path = relative(process.cwd(), requirements);
  console.error(`reference:check: ${problem}.`);
  console.error(`It needs a Python with the packages of ${path}:`);
  console.error(`  python3 -m venv ~/.venvs/scmoe && ~/.venvs/scmoe/bin/pip install -r ${path}`);
  console.error('  SCMOE_PYTHON=~/.venvs/scmoe/bin/python npm run reference:check');
  process.exitCode = 1;
} else {
  const args = ['-m', 'generate', 'check', ...process.argv.slice(2)];
  process.exitCode = spawnSync(python, args, { cwd: folder, stdio: 'inherit' }).status ?? 1;
}
