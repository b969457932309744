import { readdirSync, readFileSync } from 'node:fs';

/**
 * Whether a process group has a member that runs. The dead whom nobody has fetched don't count: in containers, orphans
 * often wait for their init, or for ever.
 */
export function groupExists(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return process.platform !== 'linux' || hasLivingMember(group);
}

function hasLivingMember(group: number): boolean {
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && isLivingMember(name, group));
}

function isLivingMember(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // After the name, which may hold spaces and brackets: state, parent, group.
    const [state, , ownGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(ownGroup) === group && state !== 'Z' && state !== 'X';
  } catch {
    // It ended while we looked.
    return false;
  }
}
