import { scmoe } from '../testing/scmoe.js';

describe('scmoe tensorflow doctor', () => {
  it('says what is missing, what to install for a CPU and for a GPU, and fails', async () => {
    const before = process.env['SCMOE_TENSORFLOW'];
    process.env['SCMOE_TENSORFLOW'] = '/nowhere';
    const { code, out, err } = await scmoe('tensorflow', 'doctor');
    if (before === undefined) delete process.env['SCMOE_TENSORFLOW'];
    else process.env['SCMOE_TENSORFLOW'] = before;
    expect(out).toMatch(
      /^tensorflow {2}no: SCMOE_TENSORFLOW is \/nowhere, and there is no libtensorflow_cc\.so\.2 in it/,
    );
    expect(out).toMatch(/^for a CPU +pip install tensorflow/m);
    expect(out).toMatch(/^for an NVIDIA GPU +pip install 'tensorflow\[and-cuda\]==/m);
    expect(err).toBe('scmoe: TensorFlow can not be used here\n');
    expect(code).toBe(1);
  });
});
