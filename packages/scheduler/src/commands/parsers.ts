import { InvalidArgumentError } from 'commander';

export function wholeNumber(minimum: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
    }
    return value;
  };
}

/** `2,8,64`. */
export function wholeNumbers(minimum: number) {
  return (text: string): readonly number[] => text.split(',').map(wholeNumber(minimum));
}

export function share(text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value <= 0.99)) throw new InvalidArgumentError('Expected a share from 0 to 0.99.');
  return value;
}

export function pictureFile(text: string): string {
  if (!/\.(svg|png)$/.test(text)) throw new InvalidArgumentError('Expected a file name ending in .svg or .png.');
  return text;
}

export function oneOf<Choice extends string>(...choices: readonly Choice[]) {
  return (text: string): Choice => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new InvalidArgumentError(`Expected ${choices.join(' or ')}.`);
    return found;
  };
}
