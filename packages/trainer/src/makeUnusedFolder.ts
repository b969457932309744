import { mkdir } from 'node:fs/promises';

/** Makes a folder by that name, or by the first of `<path>-2`, `<path>-3`, ... that is free; the name it got. */
export async function makeUnusedFolder(path: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const candidate = attempt === 1 ? path : `${path}-${attempt}`;
    try {
      await mkdir(candidate);
      return candidate;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
