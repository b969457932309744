import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const options = {
  jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
  module: { type: 'es6' },
};
// Every rank of every test is a process that reads hundreds of files: each is compiled once, for all of them.
const manifest = require.resolve('@swc/core/package.json');
const folder = join(dirname(manifest), '..', '..', '.cache', 'scmoe-source');
const salt = readFileSync(manifest, 'utf8') + JSON.stringify(options);

/** Relative imports name the .js file that a build would make; here it is the .ts file beside it. */
export async function resolve(specifier, context, next) {
  const fromSource = context.parentURL?.endsWith('.ts') && specifier.startsWith('.');
  return next(fromSource ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  const text = readFileSync(filename, 'utf8');
  const key = createHash('sha256').update(salt).update(filename).update(text).digest('hex');
  return { format: 'module', source: compiled(filename, text, join(folder, key)), shortCircuit: true };
}

function compiled(filename, text, cached) {
  try {
    return readFileSync(cached, 'utf8');
  } catch {
    // Nobody has compiled this text yet.
  }
  const { code } = require('@swc/core').transformSync(text, { ...options, filename });
  try {
    mkdirSync(folder, { recursive: true });
    // Written beside and renamed: a process that starts meanwhile reads all of it or nothing.
    writeFileSync(`${cached}.${process.pid}`, code);
    renameSync(`${cached}.${process.pid}`, cached);
  } catch {
    // A folder that can't be written to costs time and nothing else.
  }
  return code;
}
