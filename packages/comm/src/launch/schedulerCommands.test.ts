import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadCommands } from './schedulerCommands.js';

const folder = mkdtempSync(join(tmpdir(), 'scmoe-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A project with a scheduler of its own, whose commands return a code that tells it apart. */
function project(name: string, exports: object): string {
  const root = join(folder, name, 'node_modules', '@scmoe', 'scheduler');
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: '@scmoe/scheduler', exports }));
  writeFileSync(join(root, 'commands.cjs'), 'exports.runCommand = async (args) => 40 + args.length;');
  return join(folder, name, 'scmoe.js');
}

const terminal = { out: process.stdout, err: process.stderr };

describe('the commands of the scheduler', () => {
  it('are those of the first place that has them', async () => {
    const { runCommand } = await loadCommands([
      join(folder, 'nothing', 'scmoe.js'),
      project('own', { './commands': './commands.cjs' }),
    ]);
    expect(await runCommand(['simulate', '--help'], terminal)).toBe(42);
  });

  it('are missing where there is no scheduler, or one without commands, and the error says what to install', async () => {
    const older = project('older', { '.': './index.cjs' });
    for (const places of [[join(folder, 'nothing', 'scmoe.js')], [older]]) {
      await expect(loadCommands(places)).rejects.toThrow(/npm install @scmoe\/scheduler$/);
    }
  });
});
