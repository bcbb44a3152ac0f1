// Writes to descriptor 3 what a program can observe of the modules loaded before it, by subject. Uses no stream and only
// modules that Node has already loaded. Loads the modules of its first argument first.
const { readFileSync, readdirSync, readlinkSync, writeSync } = process.getBuiltinModule('node:fs');
const channels = process.getBuiltinModule('node:diagnostics_channel');

const [modules, names] = process.argv.slice(2, 4).map(list => list.split(',').filter(Boolean));
for (const name of modules) process.getBuiltinModule(name);

const kinds = object =>
  Reflect.ownKeys(object).map(key => {
    const { get, value } = Object.getOwnPropertyDescriptor(object, key);
    return `${String(key)}, ${get === undefined ? typeof value : 'a getter'}`;
  });

const isOnLinux = process.platform === 'linux';
const isNonBlocking = fd => {
  const [, flags] = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'));
  return (Number.parseInt(flags, 8) & 0o4000) !== 0;
};
const target = fd => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'n');
  } catch {
    return 'the list of them'; // the descriptor of the listing itself, already closed
  }
};

const look = () => ({
  module: [...process.moduleLoadList],
  'non-blocking descriptor': isOnLinux ? [0, 1, 2].filter(isNonBlocking) : [],
  descriptor: isOnLinux ? readdirSync('/proc/self/fd').map(target) : [],
  environment: Object.entries(process.env).map(entry => entry.join('=')),
  'active resource': process.getActiveResourcesInfo(),
  listeners: process.eventNames().map(name => `${String(name)}, ${process.listenerCount(name)}`),
  setting: [
    `exit code ${process.exitCode}`,
    `title ${process.title}`,
    `exceptions captured: ${process.hasUncaughtExceptionCaptureCallback()}`,
    `length of stacks ${Error.stackTraceLimit}`,
    `stacks written by a ${typeof Error.prepareStackTrace}`,
  ],
});

const resources = process.getActiveResourcesInfo();
const atOnce = look();
const subscribed = names.filter(name => channels.hasSubscribers(name));
const seen = [];
for (const name of names) channels.subscribe(name, () => seen.push(name));
setTimeout(() => {
  const later = look();
  // Last, because reading the type of a global loads modules that Node loads lazily.
  const properties = { global: kinds(globalThis), process: kinds(process) };
  writeSync(
    3,
    JSON.stringify([atOnce, { 'active resource at once': resources }, later, { subscribed, seen }, properties]),
  );
}, 300);
