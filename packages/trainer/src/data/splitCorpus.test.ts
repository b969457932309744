import type { TextDocument } from './readCorpus.js';
import { splitCorpus } from './splitCorpus.js';

const document = (name: string, text: string): TextDocument => ({ name, bytes: Buffer.from(text) });
const text = (documents: readonly TextDocument[]) =>
  documents.map(({ bytes }) => Buffer.from(bytes).toString()).join('');

describe('splitCorpus', () => {
  it('cuts one document at the fraction of its bytes', () => {
    const { train, validation } = splitCorpus([document('a', '0123456789')], { validationFraction: 0.2 });
    expect(text(train)).toBe('01234567');
    expect(text(validation)).toBe('89');
  });

  it('never cuts inside a character', () => {
    const { train, validation } = splitCorpus([document('a', '€€€€')], { validationFraction: 0.3 });
    expect(text(train)).toBe('€€');
    expect(text(validation)).toBe('€€');
  });

  it('prefers a boundary between documents near the fraction', () => {
    const documents = Array.from({ length: 10 }, (_, i) => document(`${i}`, 'x'.repeat(100 + i)));
    const { train, validation } = splitCorpus(documents, { validationFraction: 0.2 });
    expect(train.map(({ name }) => name)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect(validation.map(({ name }) => name)).toEqual(['8', '9']);
  });

  it('cuts a document where no boundary is near, and loses nothing', () => {
    const documents = [document('small', 'abc'), document('huge', '0123456789'.repeat(10))];
    const { train, validation } = splitCorpus(documents, { validationFraction: 0.1 });
    expect(text(train) + text(validation)).toBe(text(documents));
    expect(text(validation)).toHaveLength(11);
  });

  it.each([0, 1, -0.1, NaN])('rejects the fraction %d', (validationFraction) => {
    expect(() => splitCorpus([document('a', 'abc')], { validationFraction })).toThrow(
      `validationFraction: expected a number between 0 and 1, got ${validationFraction}.`,
    );
  });
});
