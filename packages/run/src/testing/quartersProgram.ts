import { runProcess } from '../index.js';
import { commandLine } from './quarters.js';

await runProcess(commandLine);
