#!/usr/bin/env node
/** The command `connmeter`: see `connmeter --help`. */
import { parseCommand } from './cli/arguments.ts';
import { explain } from './cli/explain.ts';
import { HELP } from './cli/help.ts';
import { run } from './cli/run.ts';
import { top } from './cli/top.ts';
import { VERSION } from './version.ts';

/** As for commands of the shell that are called in a wrong way. */
const WRONG_USE = 2;

process.stdout.on('error', () => process.exit()); // whoever read it is gone

const command = parseCommand(process.argv.slice(2));
if (command.name === 'help') {
  console.log(HELP);
} else if (command.name === 'version') {
  console.log(VERSION);
} else if (command.name === 'wrong') {
  console.error(`connmeter: ${command.why}`);
  process.exitCode = WRONG_USE;
} else if (command.name === 'explain') {
  process.exitCode = explain(command.topic);
} else if (command.name === 'top') {
  process.exitCode = await top(command);
} else {
  process.exitCode = await run(command);
}
