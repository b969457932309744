import { scmoe } from '../testing/scmoe.js';

describe('scmoe engines', () => {
  it('says of each engine whether it can be used here, or why not', async () => {
    const { code, out } = await scmoe('engines');
    expect(out).toMatch(/^self {2}yes: /);
    expect(out).toMatch(/^gloo {2}(yes: .+scmoe_comm_gloo.node|no: .+)$/m);
    expect(out).toMatch(/^nccl {2}(yes: .+|no: .+)$/m);
    expect(code).toBe(0);
  });
});
