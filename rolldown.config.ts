// Writes the JavaScript of the package: one file for each entry point, and few with the modules that several of them use. So each module
// and its state exists once. To find, read and compile one file per module was most of what a program paid for connmeter at its start.
// Names and lines stay readable; the comments are in the declarations and in the source.
import { defineConfig } from 'rolldown';

const ENTRIES = ['attached', 'cli', 'index', 'register', 'start', 'start-in-thread', 'testing'];

export default defineConfig({
  input: Object.fromEntries(ENTRIES.map(name => [name, `src/${name}.ts`])),
  platform: 'node',
  external: /^@opentelemetry\//,
  output: {
    dir: 'dist',
    // All modules of a file run when it is loaded. So what loads more of Node is apart from what the main entry needs, and what only the
    // main thread needs is apart from what worker threads need.
    codeSplitting: {
      groups: [
        { name: 'shared', test: /src[\\/](?!register[\\/]|start-common|first-copy)/, minShareCount: 2, priority: 2 },
        { name: 'shared-processes', test: /src[\\/]register[\\/]processes[\\/]/, minShareCount: 2, priority: 1 },
        { name: 'shared-register', minShareCount: 2 },
      ],
    },
    chunkFileNames: '[name].js',
    comments: false,
    minifyInternalExports: false,
  },
});
