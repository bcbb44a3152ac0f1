import { ownFolder } from '../core/own-folder.ts';

const { getCallSites } = process.getBuiltinModule('node:util');

/** If a stack is longer, what is missing cannot be known. */
const MAX_FRAMES = 100;

/** One function of a stack. */
export interface Frame {
  /** The path or URL of its file. */
  readonly scriptName: string;
}

/** The functions that are running, the innermost first. Without those before the last `await`. */
export function programStack(): Frame[] {
  return getCallSites(MAX_FRAMES, { sourceMap: false });
}

/** The parts of Node that call undici without changing the asynchronous context, and what runs a program after `await`. */
const NEUTRAL =
  /^node:(diagnostics_channel|async_hooks|internal\/(async_local_storage\/|async_hooks|bootstrap\/|process\/task_queues|deps\/undici\/))/;
const NODES_UNDICI = /^node:internal\/deps\/undici\//;
/** A file of an installed undici, with the folder of the package. */
const UNDICI = /^(.*\/)lib\/(?:(?:api|core|dispatcher|handler|interceptor|mock)|web\/[\w-]+)\/[\w-]+\.js$/;
let connmeter: string | undefined;

/**
 * Whether undici is asked for a request in the asynchronous context of the program, which wants it. The stack begins in a message about
 * the request.
 *
 * It is not so if an event of a socket or a timer runs: undici takes the next request from its queue, or repeats one. Nor if all of the
 * stack is undici's own: a new connection takes requests from the queue. If undici is bundled with the program, nobody can tell.
 */
export function isInProgramsContext(stack: readonly Frame[]): boolean {
  const first = stack.findIndex(({ scriptName }) => NODES_UNDICI.test(scriptName) || UNDICI.test(scriptName));
  if (first < 0 || stack.length >= MAX_FRAMES) return false;

  connmeter ??= ownFolder().href;
  const own = connmeter;
  const folder = UNDICI.exec((stack[first] as Frame).scriptName)?.[1] ?? own;
  const rest = stack.slice(first).map(({ scriptName }) => scriptName);
  const isOfProgram = (file: string) =>
    !isBuiltIn(file) && file !== '' && !file.startsWith(folder) && !file.startsWith(own);
  return rest.every(file => !isBuiltIn(file) || NEUTRAL.test(file)) && rest.some(isOfProgram);
}

function isBuiltIn(file: string): boolean {
  return file.startsWith('node:');
}
