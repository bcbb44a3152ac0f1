import { SharedMemory } from './memory.ts';

const { getEnvironmentData, setEnvironmentData, threadId } = process.getBuiltinModule('node:worker_threads');

// Node hands this data to each new thread, with all changes by the threads above it.
const MEMORY = 'connmeter.threads';
const PARENT = 'connmeter.thread';

export { threadId };

/** Offers this memory to all threads that are started from now on. */
export function offerMemory({ buffer }: SharedMemory, version: string): void {
  setEnvironmentData(`${MEMORY} ${version}`, buffer);
}

/** The memory that the main thread has offered. Another version of connmeter uses it in another way. */
export function offeredMemory(version: string): SharedMemory | undefined {
  const buffer = getEnvironmentData(`${MEMORY} ${version}`);
  return buffer instanceof SharedArrayBuffer ? new SharedMemory(buffer) : undefined;
}

/** The id of the thread that started this one. The threads that this one starts from now on get its own id. */
export function parentOf(): number {
  const parent = Number(getEnvironmentData(PARENT) ?? 0);
  setEnvironmentData(PARENT, threadId);
  return parent;
}
