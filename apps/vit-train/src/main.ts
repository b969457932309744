#!/usr/bin/env node
import { runProcess } from '@scmoe/run';

import { commandLine } from './commandLine.js';

await runProcess(commandLine);
