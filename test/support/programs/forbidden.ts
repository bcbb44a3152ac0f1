// forbidden.ts: connects to where nobody listens, and says with which error that failed.
import net from 'node:net';

net.connect(1, '127.0.0.1').on('error', (error: NodeJS.ErrnoException) => console.log(error.code));
