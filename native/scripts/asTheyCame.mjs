// Others' code is not changed by a byte: each README of third_party gives the checksums.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} native the folder of the sources
 * @returns {string[]} a sentence for each file of third_party that is not what its README says, or that it does not name
 */
export function asTheyCame(native) {
  const folder = join(native, 'third_party');
  return readdirSync(folder).flatMap((library) => {
    const readme = readFileSync(join(folder, library, 'README.md'), 'utf8');
    const rows = readme.matchAll(/^\| `(?<file>[^`]+)`\s*\| (?<sum>[0-9a-f]{64}) \|$/gm);
    const sums = new Map([...rows].map(({ groups }) => [groups.file, groups.sum]));
    const files = readdirSync(join(folder, library)).filter((file) => file !== 'README.md');
    const sumOf = (file) =>
      createHash('sha256')
        .update(readFileSync(join(folder, library, file)))
        .digest('hex');
    return files
      .filter((file) => sums.get(file) !== sumOf(file))
      .map((file) => `third_party/${library}/${file}: expected the SHA-256 that its README gives, got ${sumOf(file)}`);
  });
}
