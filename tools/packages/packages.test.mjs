import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { importProblems } from './importProblems.mjs';

const root = { devDependencies: { jest: '30.0.0' } };

/** What is wrong with a package of these files. */
function problemsOf(context, manifest, files) {
  const folder = mkdtempSync(join(tmpdir(), 'scmoe-imports-'));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(manifest), ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return importProblems(folder, root);
}

test('sources import dependencies and peers, tests also what only they need', (context) => {
  const manifest = {
    name: 'own',
    dependencies: { a: '1', '@b/c': '1' },
    peerDependencies: { peer: '1' },
    devDependencies: { d: '1', '@types/node': '1', tool: '1' },
    scripts: { build: 'tool --fast' },
  };
  const files = {
    'src/index.ts': `import 'node:fs'; import type { A } from 'a'; export { c } from '@b/c/deep'; void import('peer');`,
    'src/index.test.ts': `import 'd'; import 'jest'; import '@jest/globals'; import { own } from 'own';`,
  };
  assert.deepEqual(problemsOf(context, manifest, files), []);
});

test('what is imported and not declared, or declared and not used, or twice, is named', (context) => {
  const manifest = {
    name: 'own',
    dependencies: { unused: '1', twice: '1' },
    devDependencies: { d: '1', idle: '1', twice: '1' },
  };
  const files = { 'src/index.ts': `import 'd'; import 'twice';`, 'src/a.test.ts': `import 'unused'; import 'd';` };
  assert.deepEqual(problemsOf(context, manifest, files), [
    'src/index.ts imports d, which package.json does not declare for it',
    'no source imports unused, one of the dependencies',
    'twice is in dependencies and in devDependencies',
    'nothing imports idle, one of the devDependencies',
  ]);
});

test('imports that go in a circle are named once, those of types included', (context) => {
  const files = {
    'src/a.ts': `import { b } from './b.js';`,
    'src/b.ts': `import { c } from './deep/c.js'; import './leaf.js';`,
    'src/deep/c.ts': `import type { A } from '../a.js';`,
    'src/leaf.ts': '',
  };
  assert.deepEqual(problemsOf(context, { name: 'own' }, files), [
    'imports go in a circle: src/a.ts -> src/b.ts -> src/deep/c.ts -> src/a.ts',
  ]);
});
