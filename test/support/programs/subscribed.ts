// Preload, after ours: ends the program with 99 if we do not measure it, for then a comparison would compare nothing.
import { hasSubscribers } from 'node:diagnostics_channel';

if (!hasSubscribers('net.client.socket')) process.exit(99);
