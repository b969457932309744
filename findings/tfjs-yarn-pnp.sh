#!/usr/bin/env bash
# @tensorflow/tfjs 4.22.0 (the last release) under Yarn 4's Plug'n'Play (@yarnpkg/cli-dist 4.18.0).
#
# Expected: `require('@tensorflow/tfjs')` works as it does from a node_modules folder.
# Does: the bundle has inlined its sub-packages, whose files require "long", which only @tensorflow/tfjs-core declares; the strict
# linker gives a package nothing that its own manifest does not name. `nodeLinker: node-modules` is the way out, or a line of
# packageExtensions that adds long to @tensorflow/tfjs.
#
# Output seen, with Node 20.20:
#   strict: @tensorflow/tfjs tried to access long, but it isn't declared in its dependencies
#   with packageExtensions: 4.22.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix tool @yarnpkg/cli-dist@4.18.0 >/dev/null
yarn() { node "$folder/tool/node_modules/@yarnpkg/cli-dist/bin/yarn.js" "$@"; }
mkdir project && cd project
touch yarn.lock
echo '{ "private": true, "dependencies": { "@tensorflow/tfjs": "4.22.0" } }' >package.json
settings() {
  echo "npmRegistryServer: '$(npm config get registry)'"
  echo 'nodeLinker: pnp'
  echo 'enableGlobalCache: false'
  echo 'globalFolder: ../yarn'
  echo 'enableTelemetry: false'
  echo 'enableScripts: false'
}
echo "console.warn = () => undefined; console.log(require('@tensorflow/tfjs').version.tfjs);" >program.cjs

{
  settings >.yarnrc.yml
  yarn install >/dev/null
  echo "strict: $(yarn node program.cjs 2>&1 | grep -o "@tensorflow/tfjs tried to access long, but it isn't declared in its dependencies" | head -1)"
  {
    settings
    printf 'packageExtensions:\n  "@tensorflow/tfjs@*":\n    dependencies:\n      long: "4.0.0"\n'
  } >.yarnrc.yml
  yarn install >/dev/null
  echo "with packageExtensions: $(yarn node program.cjs | tail -1)"
} | tee ../output
diff ../output - <<'TXT'
strict: @tensorflow/tfjs tried to access long, but it isn't declared in its dependencies
with packageExtensions: 4.22.0
TXT
