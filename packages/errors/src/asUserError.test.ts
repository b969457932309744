import { ArgumentError, asUserError, UserError } from './index.js';

describe('asUserError', () => {
  const thrown = (error: Error, option?: string) =>
    asUserError(() => {
      throw error;
    }, option).catch((caught: unknown) => caught);

  it('gives what the work gives', async () => {
    expect(await asUserError(() => 1)).toBe(1);
    expect(await asUserError(() => Promise.resolve(2))).toBe(2);
  });

  it('makes an error of ours one of the user, with the option where there is one', async () => {
    const error = new ArgumentError('x: expected 1, got 2');
    expect(await thrown(error)).toEqual(new UserError('x: expected 1, got 2'));
    expect(await thrown(error, '--init')).toMatchObject({ message: '--init: x: expected 1, got 2', cause: error });
    expect(await thrown(error, '--init')).toBeInstanceOf(UserError);
  });

  it('leaves a bug, and what is the user’s already', async () => {
    for (const error of [new TypeError('bug'), new UserError('mine', { exitCode: 2 })])
      expect(await thrown(error)).toBe(error);
  });
});
