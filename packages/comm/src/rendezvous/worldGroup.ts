/** What the group is called that all ranks of a start make together, which others are split from. */
export function worldGroup(name: string, restartCount: number, count: number): string {
  return `${name}/${restartCount}.${count}`;
}

/** Whether a group is one of all ranks, in which they have their numbers of the run. */
export function isWorldGroup(group: string): boolean {
  return /^[^/]*\/\d+\.\d+$/.test(group);
}
