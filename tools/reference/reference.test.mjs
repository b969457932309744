import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const packages = join(folder, '..', '..', 'packages');
const readJson = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

const { cases } = readJson('values/index.json');
const { checkpoints } = readJson('checkpoints/index.json');
const { adapters } = readJson('adapters/index.json');
const { gguf } = readJson('gguf/index.json');
const unread = readJson('unread.json');

/** Path below tools/reference and SHA-256 of every file that the indexes name. */
const files = new Map([
  ...cases.map(({ name, kind, sha256 }) => [`values/${kind}/${name}.safetensors`, sha256]),
  ...Object.entries({ checkpoints, adapters, gguf }).flatMap(([folder, entries]) =>
    entries.flatMap(({ name, sha256 }) =>
      Object.entries(sha256).map(([file, sum]) => [`${folder}/${name}/${file}`, sum]),
    ),
  ),
]);

function filesBelow(name) {
  return readdirSync(join(folder, name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => path !== `${name}/index.json`);
}

/** What the tests of all packages read: kinds of cases (all of a kind), single cases, checkpoints. */
function readByTests() {
  const found = { kinds: new Set(), names: new Set(), checkpoints: new Set() };
  const collect = (source, pattern, into) => {
    for (const [, name] of source.matchAll(pattern)) into.add(name);
  };
  for (const file of testFiles(packages)) {
    const source = readFileSync(file, 'utf8');
    collect(source, /\breferenceCases\(\s*'(\w+)'/g, found.kinds);
    collect(source, /\bitMatchesReference\(\s*'[^']*',\s*'(\w+)'/g, found.kinds);
    collect(source, /\breadReference(?:<\w+>)?\(\s*'([\w-]+)'/g, found.names);
    collect(source, /\bdescribeReference\(\s*'[^']*',\s*'(\w+)'/g, found.kinds);
    collect(source, /\breferenceCheckpoint\(\s*'([\w-]+)'/g, found.checkpoints);
  }
  return found;
}

function testFiles(at) {
  return readdirSync(at).flatMap((name) =>
    readdirSync(join(at, name, 'src'), { recursive: true })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => join(at, name, 'src', file)),
  );
}

describe('the reference values', () => {
  test('are the files that the indexes name, unchanged', () => {
    const found = ['values', 'checkpoints', 'adapters', 'gguf'].flatMap(filesBelow);
    assert.deepEqual(found.sort(), [...files.keys()].sort());
    for (const [path, sum] of files) {
      const actual = createHash('sha256')
        .update(readFileSync(join(folder, path)))
        .digest('hex');
      assert.equal(actual, sum, `SHA-256 of ${path}`);
    }
  });

  test('are all read by a test, or listed in unread.json with a reason', () => {
    const read = readByTests();
    const idle = cases.filter(({ name, kind }) => !read.kinds.has(kind) && !read.names.has(name));
    assert.deepEqual(
      idle.map(({ name }) => name),
      [],
      'cases that no test reads',
    );
    const names = checkpoints.map(({ name }) => name);
    assert.deepEqual(
      names.filter((name) => !read.checkpoints.has(name)),
      Object.keys(unread),
      'checkpoints that no test reads, and those of unread.json',
    );
    for (const [name, reason] of Object.entries(unread)) assert.ok(reason, `${name} in unread.json needs a reason`);
  });
});
