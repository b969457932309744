import { UserError } from '@scmoe/errors';

/** Checks an option. @throws UserError naming the option, what was expected and what came, unless `holds`. */
export function expectOption(holds: boolean, name: string, expected: string, got: unknown): void {
  if (!holds) throw new UserError(`${name}: expected ${expected}, got ${String(got)}.`, { exitCode: 2 });
}

export function expectWhole(name: string, value: number, { minimum = 1, because = '' } = {}): void {
  const reason = because && ` (${because})`;
  const holds = Number.isSafeInteger(value) && value >= minimum;
  expectOption(holds, name, `a whole number of at least ${minimum}${reason}`, value);
}
