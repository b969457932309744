import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { docstringProblems } from './docstringProblems.mjs';
import { linkProblems } from './linkProblems.mjs';

/** What is wrong with a repository of these files. */
function problemsOf(context, files, find = linkProblems) {
  const root = mkdtempSync(join(tmpdir(), 'scmoe-links-'));
  context.after(() => rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return find(root);
}

test('links to files, folders, headings, explicit anchors and the web are right', (context) => {
  const files = {
    'README.md': `[a](docs/a.md) [b](docs) [c](docs/a.md#what-is-it) [d](#top) [e](https://example.org/x) [f](docs/a.md#what-is-it-1)
# Top
\`[g](nowhere)\`
\`\`\`
[h](nowhere)
\`\`\``,
    'docs/a.md': '## What is *it*?\n## What is it\n<a id="own"></a>\n![x](../README.md) [y](#own)\n',
    'src/a.ts': '// docs/a.md#own says why; https://example.org/docs/other.md is none of ours.\n',
  };
  assert.deepEqual(problemsOf(context, files), []);
});

test('a link to a file, an anchor or a pointer that leads nowhere is named with its file', (context) => {
  const files = {
    'README.md': '[a](docs/b.md) [b](docs/a.md#other) [c](#gone)',
    'docs/a.md': '# A\n',
    'src/a.ts': '// docs/a.md#why and docs/none.md\n',
  };
  assert.deepEqual(problemsOf(context, files), [
    'README.md: there is no docs/b.md',
    'README.md: docs/a.md has no #other',
    'README.md: README.md has no #gone',
    'src/a.ts: docs/a.md has no #why',
    'src/a.ts: there is no docs/none.md',
  ]);
});

test('a decision without an anchor, or missing from the index, is named', (context) => {
  const decisions =
    '# Decisions\n[one](#one)\n\n<a id="one"></a>\n\n## 2026-01-03: one\n\n<a id="two"></a>\n\n## 2026-01-02: two\n\n## 2026-01-01: three\n';
  assert.deepEqual(problemsOf(context, { 'docs/decisions.md': decisions }), [
    'docs/decisions.md: the index has no link to #two',
    'docs/decisions.md: \'2026-01-01: three\' has no line <a id="..."></a> above it',
  ]);
});

test('a docstring that begins with a fragment is named with its line; a noun that begins alike is right', (context) => {
  const files = {
    'src/a.ts': '/** Of the forward pass. */\n\n/**\n * Called after every update.\n */\n',
    'src/b.ts':
      '/** In-context recall. */\n/** Operations of the forward pass. */\n// Of no docstring.\n/** Towards zero. */\n',
    'src/b.mjs': '/** With what is no TypeScript. */',
  };
  const expected = 'expected a sentence or a noun phrase with its noun';
  assert.deepEqual(problemsOf(context, files, docstringProblems), [
    `src/a.ts:1: ${expected}, got "Of the forward pass."`,
    `src/a.ts:3: ${expected}, got "Called after every update."`,
  ]);
});
