import { closeSync, openSync, readSync } from 'node:fs';

/** The machines of ELF files (e_machine) by Node's names of them. */
const machines: Record<string, number> = { x64: 62, arm64: 183 };

/** Why a file is no shared library for this machine, in one clause; undefined where it is one. */
export function libraryProblem(path: string): string | undefined {
  const header = Buffer.alloc(20);
  try {
    const file = openSync(path, 'r');
    try {
      readSync(file, header, 0, header.length, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return `${path} can't be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`;
  }
  if (header.toString('latin1', 0, 4) !== '\x7fELF') return `${path} is no library of Linux, it may be a stub`;
  const machine = header.readUInt16LE(18);
  if (machine === machines[process.arch]) return undefined;
  const name = Object.keys(machines).find((key) => machines[key] === machine) ?? `machine ${machine}`;
  return `${path} is made for ${name}, this is ${process.arch}`;
}
