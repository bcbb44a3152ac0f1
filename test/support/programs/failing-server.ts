// failing-server.ts <where>: a server that throws in the given place, without an error handler.
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

const [where] = process.argv.slice(2);
const fail = () => {
  throw new Error(`thrown by ${where}`);
};
const server = http.createServer(where === 'the handler' ? fail : undefined);
if (where === 'a listener of the server') server.on('connection', fail);
server.listen(0, '127.0.0.1', () => {
  net.connect((server.address() as AddressInfo).port, '127.0.0.1').write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
});
