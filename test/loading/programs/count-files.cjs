// Prints at the end which files of packages were loaded, in this thread.
const { registerHooks } = require('node:module');
const { writeSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const files = [];
registerHooks({
  load(url, context, next) {
    const [, file] = /\/node_modules\/(.*)$/.exec(url) ?? [];
    if (file !== undefined) files.push(file);
    return next(url, context);
  },
});
process.on('exit', () => writeSync(1, `${isMainThread ? 'main' : 'worker'}: ${files.join(' ')}\n`));
