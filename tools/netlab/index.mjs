import { NetworkLab } from './NetworkLab.mjs';

export { NetworkLab } from './NetworkLab.mjs';
export { networkLabProblem } from './networkLabProblem.mjs';

export async function withNetworkLab(options, use) {
  const lab = await NetworkLab.open(options);
  try {
    return await use(lab);
  } finally {
    await lab.close();
  }
}
