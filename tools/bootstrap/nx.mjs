// Nx as a child process, without its daemon: nothing keeps running after the command.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

// Away from a terminal Nx prints one line a task and the whole output of what failed, if it believes itself in CI.
const environment = { NX_DAEMON: 'false', NX_TUI: 'false', ...(process.stdout.isTTY ? {} : { CI: 'true' }) };

/** Nx's own script: looked up when it is needed, for the bootstrap starts where node_modules does not exist yet. */
function nxScript(root) {
  const require = createRequire(join(root, 'package.json'));
  const manifest = require.resolve('nx/package.json');
  return join(dirname(manifest), require(manifest).bin.nx);
}

/**
 * @param {string[]} args Nx's own arguments
 * @param {{ root: string, quiet?: boolean }} options `quiet` collects the output instead of showing it
 * @returns {Promise<{ status: number, output: string }>}
 */
export function nx(args, { root, quiet = false }) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [nxScript(root), ...args], {
      cwd: root,
      // Targets run in their project's folder; paths on their command lines are meant from the user's.
      env: { ...process.env, ...environment, SCMOE_CALLER_FOLDER: process.env.INIT_CWD ?? process.cwd() },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text) => (output += text));
    }
    child.once('error', reject);
    child.once('close', (status) => resolve({ status: status ?? 1, output }));
  });
}
