import { allowedSilenceMs } from './allowedSilenceMs.js';

it.each([
  ['127.0.0.1', 60_000],
  ['127.9.8.7', 60_000],
  ['::1', 60_000],
  ['::ffff:127.0.0.1', 60_000],
  ['localhost', 60_000],
  ['10.0.0.1', 10_000],
  ['::ffff:10.0.0.1', 10_000],
  ['fd00:5c::1', 10_000],
  [undefined, 10_000],
])('gives a process of this machine, which can have no time, longer: %s', (address, allowed) => {
  expect(allowedSilenceMs(address)).toBe(allowed);
});
