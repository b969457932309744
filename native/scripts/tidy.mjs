// clang-tidy over every native source, by .clang-tidy: as many at a time as there are processors, and none that was found
// clean before and has not changed since, nor any header.
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';

import { buildFolder } from './cmake.mjs';

const memory = join(buildFolder, 'clang-tidy.json');

/**
 * @param {string} native the folder of the sources
 * @param {string[]} headers their headers, relative to it
 * @returns {Promise<{ files: number, looked: number, complaints: string[] }>} what clang-tidy says of each file that is
 *   not clean, and of how many it had to look at how many
 */
export async function tidy(native, headers) {
  // The same sources are compiled into several addons: each is looked at once. cmake-js adds one of its own.
  const commands = JSON.parse(readFileSync(join(buildFolder, 'compile_commands.json'), 'utf8'));
  const commandOf = new Map(commands.map(({ file, command }) => [file, command]));
  const files = [...commandOf.keys()].filter(
    (file) => file.startsWith(join(native, '/')) && !file.startsWith(join(buildFolder, '/')),
  );

  const shared = createHash('sha256').update(spawnSync('clang-tidy', ['--version']).stdout);
  for (const header of ['.clang-tidy', ...headers.toSorted()]) shared.update(readFileSync(join(native, header)));
  for (const header of generatedHeaders()) shared.update(readFileSync(header));
  const base = shared.digest();
  const keyOf = (file) =>
    createHash('sha256').update(base).update(commandOf.get(file)).update(readFileSync(file)).digest('hex');
  const known = existsSync(memory) ? JSON.parse(readFileSync(memory, 'utf8')) : {};
  const clean = Object.fromEntries(
    files.map((file) => [file, keyOf(file)]).filter(([file, key]) => known[file] === key),
  );

  const waiting = files.filter((file) => !clean[file]);
  const looked = waiting.length;
  const complaints = [];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const { isClean, output } = await check(file);
      if (isClean) clean[file] = keyOf(file);
      else complaints.push(`${relative(native, file)}\n${output}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  writeFileSync(memory, JSON.stringify(clean));
  return { files: files.length, looked, complaints };
}

function generatedHeaders() {
  const folder = join(buildFolder, 'generated', 'signatures');
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.h'))
    .sort()
    .map((name) => join(folder, name));
}

function check(file) {
  const options = { encoding: 'utf8', maxBuffer: 1 << 26 };
  return new Promise((resolve) => {
    execFile('clang-tidy', ['-p', buildFolder, '--quiet', file], options, (error, stdout, stderr) =>
      resolve({ isClean: !error, output: stdout.trim() || stderr.trim() }),
    );
  });
}
