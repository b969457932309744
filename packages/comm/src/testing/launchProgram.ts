// A launcher in a process of its own: node ... launchProgram.ts <options of launch as JSON, without the terminal>
import { ScmoeError } from '@scmoe/errors';

import { launch, type LaunchOptions } from '../launch/index.js';

const options = JSON.parse(process.argv[2]!) as Omit<LaunchOptions, 'terminal'>;
try {
  process.exitCode = await launch({ ...options, terminal: { out: process.stdout, err: process.stderr } });
} catch (error) {
  if (!(error instanceof ScmoeError)) throw error;
  process.stderr.write(`scmoe: ${error.message}\n`);
  process.exitCode = 1;
}
process.stdout.write('', () => process.stderr.write('', () => process.exit()));
