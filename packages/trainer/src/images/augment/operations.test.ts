import { pillowValues } from '../testing/pillow/pillowValues.js';
import { type OperationName, operations } from './operations.js';

const values = pillowValues();
const cases = [...values.keys()].filter((name) => /^operation\/.*\/.*/.test(name));

describe('operations', () => {
  it.each(cases)('have the bits of Pillow in %s', (name) => {
    const [, operation, amount] = name.split('/');
    const image = values.get('operation/input')!;
    const before = image.data.slice();
    expect(operations[operation as OperationName](image, Number(amount))).toEqual(values.get(name));
    expect(image.data).toEqual(before);
  });

  it('are all compared', () => {
    expect(new Set(cases.map((name) => name.split('/')[1]))).toEqual(new Set(Object.keys(operations)));
  });
});
