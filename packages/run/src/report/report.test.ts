import { describeLoad } from '@scmoe/gating';

import { commandName, commandNameOnRanks } from './commandName.js';
import { count, duration, megabytes, short } from './format.js';
import { loadTable } from './loadTable.js';

describe('numbers in reports', () => {
  it('are short and have units', () => {
    expect(count(1234567.4)).toBe('1,234,567');
    expect([megabytes(1500), megabytes(19_700_000)]).toEqual(['1.5 kB', '19.7 MB']);
    expect([short(999), short(6_600_000), short(117e9)]).toEqual(['999', '6.6 M', '117 G']);
    expect([duration(45.4), duration(185), duration(7380)]).toEqual(['45 s', '3 min 05 s', '2 h 03 min']);
  });

  it('line up in the load table', () => {
    expect(loadTable([describeLoad([3, 1], 4), describeLoad([0, 4], 3)])).toEqual([
      'layer    e0     e1  max/mean  dropped',
      '    0  75.0   25.0      1.50      0.0',
      '    1   0.0  100.0      2.00     25.0',
    ]);
    expect(loadTable([])).toEqual([]);
  });
});

describe('commandName', () => {
  it('can be pasted', () => {
    expect(commandName('lm-train', '/usr/bin/lm-train')).toBe('lm-train');
    expect(commandName('lm-train', `${process.cwd()}/dist/main.js`)).toBe('node dist/main.js');
    expect(commandName('lm-train', '/x/main.js')).toBe('node /x/main.js');
  });

  it('is that of a launch where one has started the ranks, all on this host', () => {
    const main = `${process.cwd()}/dist/main.js`;
    const env = { SCMOE_RENDEZVOUS: '127.0.0.1:1', WORLD_SIZE: '2', LOCAL_WORLD_SIZE: '2' };
    const launched = 'npx scmoe launch -n 2 --attach 0';
    expect(commandNameOnRanks('lm-train', main, env)).toBe(`${launched} dist/main.js`);
    expect(commandNameOnRanks('lm-train', '/usr/bin/lm-train', env)).toBe(`${launched} lm-train`);
    for (const other of [{}, { WORLD_SIZE: '2', LOCAL_WORLD_SIZE: '2' }, { ...env, WORLD_SIZE: '4' }])
      expect(commandNameOnRanks('lm-train', main, other)).toBe('node dist/main.js');
  });
});
