import { resumedBackend, startResumed } from './resumedBackend.js';

describe('the backend of a run that goes on', () => {
  it.each([
    ['of a new run is what was asked for', { asked: 'auto', isGiven: false, trainedOn: undefined }, 'auto'],
    ['is that of the run', { asked: 'auto', isGiven: false, trainedOn: 'wasm' }, 'wasm'],
    ['is the fastest there is where that was asked for', { asked: 'auto', isGiven: true, trainedOn: 'wasm' }, 'auto'],
    ['is the same where it was named', { asked: 'wasm', isGiven: true, trainedOn: 'wasm' }, 'wasm'],
  ])('%s', (_, options, backend) => expect(resumedBackend(options)).toEqual({ backend }));

  it('says so where it is another one', () => {
    expect(resumedBackend({ asked: 'cpu', isGiven: true, trainedOn: 'scmoe' })).toEqual({
      backend: 'cpu',
      line: 'The run moves from backend scmoe to cpu: its numbers may differ in their last bits from here on.',
    });
  });

  it('is refused where it is the run’s and is not there, with what to do', async () => {
    const options = { asked: 'auto', isGiven: false, trainedOn: 'webgpu-of-tomorrow' };
    await expect(startResumed(options, { threads: undefined, precision: 'float32' })).rejects.toThrow(
      /webgpu-of-tomorrow.*--backend <name> moves it to another/,
    );
  });
});
