#!/usr/bin/env bash
# @mlc-ai/web-xgrammar 0.1.27: the one npm library that constrains tokens by a JSON schema on plain logits, in Node.
#
# Expected: `import { GrammarCompiler } from '@mlc-ai/web-xgrammar'` gives the class, as its type declarations say.
# Does: its one file is UMD in a package of `"type": "module"`, so Node finds no such export, and run as a module the file asks for
# `require`, which there is not. A bundler hides it.
#
# Output seen, with Node 20.20:
#   named import: SyntaxError
#   dynamic import: ReferenceError: require is not defined in ES module scope
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @mlc-ai/web-xgrammar@0.1.27 >/dev/null

echo "import { GrammarCompiler } from '@mlc-ai/web-xgrammar'; console.log(typeof GrammarCompiler);" >named.mjs
cat >dynamic.mjs <<'JS'
const told = (error) => `${error.name}: ${error.message.split(',')[0]}`;
await import('./named.mjs').then(
  () => console.log('named import: works'),
  (error) => console.log(`named import: ${error.name}`),
);
await import('@mlc-ai/web-xgrammar').then(
  (module) => console.log(`dynamic import: ${typeof module.GrammarCompiler}`),
  (error) => console.log(`dynamic import: ${told(error)}`),
);
JS
output=$(node dynamic.mjs 2>/dev/null)
echo "$output"
[ "$output" = 'named import: SyntaxError
dynamic import: ReferenceError: require is not defined in ES module scope' ]
