// Run in a package's folder after its build: loads the package by its own name as ESM and as CommonJS, as a user would,
// and fails where the two offer different names or find different native addons.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const { name } = JSON.parse(readFileSync('package.json', 'utf8'));

const report = `console.log(JSON.stringify({ names: Object.keys(api).sort(), addon: api.findAddon?.() }))`;
const programs = {
  import: ['--input-type=module', '-e', `import * as api from '${name}'; ${report}`],
  require: ['--input-type=commonjs', '-e', `const api = require('${name}'); ${report}`],
};

// TF.js may greet on stdout: the report is the last line.
const load = (args) => execFileSync(process.execPath, args, { encoding: 'utf8' }).trim().split('\n').pop();
const [imported, required] = [load(programs.import), load(programs.require)];
if (imported !== required) {
  console.error(`${name} differs between its two formats.\n  import:  ${imported}\n  require: ${required}`);
  process.exit(1);
}
console.log(`${name}: import and require offer the same ${JSON.parse(imported).names.length} names`);
