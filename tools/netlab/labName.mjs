// Names of labs say who owns them, so that anybody can tell a lab in use from one that was left behind.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const script = fileURLToPath(new URL('./namespaces.sh', import.meta.url));

let labs = 0;

/** What the names of a new lab's namespaces begin with: process id and start time, as the id alone is used again. */
export function newLabName() {
  return `scmoe-lab-${process.pid}-${startTime(process.pid)}-${labs++}`;
}

/** Namespaces of all labs here whose owner is gone. */
export function staleNamespaces() {
  return labNamespaces().filter((name) => {
    const [, pid, started] = /^scmoe-lab-(\d+)-(\d+)-/.exec(name);
    return startTime(Number(pid)) !== started;
  });
}

/** Namespaces of all labs here, or of the one called `lab`. */
export function labNamespaces(lab = '') {
  const { stdout = '' } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  const names = stdout.split('\n').map((line) => line.split(' ')[0]);
  return names.filter((name) => /^scmoe-lab-\d+-\d+-/.test(name) && (lab === '' || name.startsWith(`${lab}-`)));
}

/** Ends what runs in them, too. */
export function removeNamespaces(names) {
  if (names.length > 0) spawnSync('/bin/sh', [script, 'remove', ...names], { stdio: 'ignore' });
}

/** When a process began, in ticks since the machine did; undefined where there is none (a zombie counts as none). */
export function startTime(pid) {
  try {
    // The name in brackets may hold anything; after it come state (field 3) and, as field 22, the time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\)/s, '').trim().split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
