// Runs one program until it is killed: `run.ts <name>`, under `--import connmeter/register`.
import { FAULTY } from './faulty.ts';
import { HEALTHY } from './healthy.ts';
import { type Program, world } from './program.ts';

const programs: Readonly<Record<string, Program>> = { ...HEALTHY, ...FAULTY };
const program = programs[process.argv[2] ?? ''];
if (!program) throw new Error(`no program ${process.argv[2]}`);

process.on('disconnect', () => process.exit());
setTimeout(() => process.exit(), (program.seconds + 60) * 1_000).unref();
await program.run(world());
