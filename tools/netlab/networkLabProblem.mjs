import { spawnSync } from 'node:child_process';

/** Why there can be no lab here, in one sentence with what would help; undefined where there can. */
export function networkLabProblem() {
  if (process.platform !== 'linux') return `the network lab needs Linux (this is ${process.platform}).`;
  if (process.getuid() !== 0) return 'the network lab needs root, to make network namespaces.';
  const missing = ['ip', 'tc'].filter((tool) => spawnSync(tool, ['-V'], { stdio: 'ignore' }).error);
  if (missing.length > 0) {
    return `the network lab needs ${missing.join(' and ')} of iproute2 (Debian and Ubuntu: apt-get install iproute2).`;
  }
  const { status, stderr } = spawnSync('unshare', ['--net', 'true'], { encoding: 'utf8' });
  if (status !== 0) return `network namespaces are not allowed here: ${stderr?.trim() || 'unshare --net failed'}.`;
  return undefined;
}
