// connect-refused.ts: connects to a port that refuses, and prints the error code.
import net from 'node:net';

net.connect(1, '127.0.0.1').on('error', (error: NodeJS.ErrnoException) => console.log(error.code));
