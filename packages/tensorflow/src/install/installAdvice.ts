import { existsSync } from 'node:fs';

/** The version that the tests run against. */
export const testedVersion = '2.21.0';

/** Whether the driver of an NVIDIA GPU is loaded. */
export function hasNvidiaDriver(): boolean {
  return existsSync('/proc/driver/nvidia/version');
}

/** The command that installs what this machine can use. */
export function installCommand(cuda = hasNvidiaDriver(), arch: string = process.arch): string {
  if (cuda) return `pip install 'tensorflow[and-cuda]==${testedVersion}'`;
  // There is no wheel named tensorflow-cpu for ARM: tensorflow is it.
  return `pip install tensorflow${arch === 'x64' ? '-cpu' : ''}==${testedVersion}`;
}

/** What to do where there is none, as a clause. */
export function installAdvice(): string {
  return `\`${installCommand()}\` installs one, in a virtual environment that is active then or that SCMOE_TENSORFLOW names`;
}
