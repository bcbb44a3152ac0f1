const http = require('node:http');

exports.openPool = function openPool(url) {
  return new Promise((resolve, reject) => {
    const agent = new http.Agent({ keepAlive: true });
    const request = http.get(url, { agent }, response => response.resume().on('end', resolve)); // HERE pool
    request.on('error', reject);
  });
};
