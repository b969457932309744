import { valueText } from '@scmoe/errors';

import type { SplitName } from '../sources/ImageSource.js';

interface SeenClass {
  /** The first picture of it. */
  name: string;
  inTraining: boolean;
}

/** The largest number of a class without a name: one above is a mistake rather than a class. */
const maxUnnamed = 1_000_000;

/** Takes the classes of pictures as they come, by number or name, and numbers them in the end. */
export class LabelCollector {
  private readonly given: ReadonlyMap<string, number> | undefined;
  private readonly labels: (number | string)[] = [];
  private readonly seen = new Map<number | string, SeenClass>();

  constructor(private readonly classNames: readonly string[] | undefined) {
    this.given = classNames && new Map(classNames.map((name, i) => [name, i]));
  }

  /** What is wrong with a class, if anything is. */
  problemOf(label: number | string): string | undefined {
    if (this.classNames !== undefined) {
      const { length } = this.classNames;
      const number = typeof label === 'number' ? label : (this.given!.get(label) ?? NaN);
      if (number >= 0 && number < length) return undefined;
      return `expected a class from 0 to ${length - 1} or its name, got ${valueText(label)}`;
    }
    const kind = typeof (this.labels[0] ?? label);
    if (typeof label !== kind)
      return `expected the ${kind === 'number' ? 'number' : 'name'} of a class, as before, got ${valueText(label)}`;
    if (typeof label === 'number' && !(label >= 0 && label <= maxUnnamed))
      return `expected a class from 0 to ${maxUnnamed}, got ${label}`;
    return undefined;
  }

  /** Takes the class of the next picture. */
  add(label: number | string, name: string, split: SplitName): void {
    const known = this.given === undefined || typeof label === 'number' ? label : this.given.get(label)!;
    this.labels.push(known);
    const seen = this.seen.get(known);
    if (seen === undefined) this.seen.set(known, { name, inTraining: split === 'train' });
    else if (split === 'train') seen.inTraining = true;
  }

  /** Classes that can't be learned, by the first picture of each. */
  classesOnlyInTest(): { name: string; label: number | string }[] {
    return [...this.seen].flatMap(([label, { name, inTraining }]) => (inTraining ? [] : [{ name, label }]));
  }

  /** Names of the classes, and the number of each picture's; -1 for a class that only the test split has. */
  finish(): { classNames: string[]; labels: Int32Array } {
    const isTrained = (label: number | string) => this.seen.get(label)!.inTraining;
    const trained = [...this.seen.keys()].filter(isTrained);
    const isNumbered = typeof (this.labels[0] ?? 0) === 'number';
    const names = isNumbered
      ? Array.from({ length: trained.reduce<number>((most, label) => Math.max(most, Number(label)), -1) + 1 }, (_, i) =>
          String(i),
        )
      : (trained as string[]).sort();
    const numberOf = new Map<number | string, number>(names.map((name, i) => [isNumbered ? i : name, i]));
    return {
      classNames: [...(this.classNames ?? names)],
      labels: Int32Array.from(this.labels, (label) => {
        if (!isTrained(label)) return -1;
        return this.classNames === undefined ? numberOf.get(label)! : (label as number);
      }),
    };
  }
}
