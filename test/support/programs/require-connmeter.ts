// Preload that runs after connmeter: exits with 99 if the program is not measured, because a comparison would be meaningless.
import { hasSubscribers } from 'node:diagnostics_channel';

if (!hasSubscribers('net.client.socket')) process.exit(99);
