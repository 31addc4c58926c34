// {{name}}: answers on $HOST:$PORT, tells how it is at /health, and ends in order on SIGTERM.
'use strict';

const http = require('node:http');

/** The status and the body for a path. */
function answer(path) {
  if (path === '/health') return [200, { status: 'ok' }];
  if (path === '/') return [200, { hello: '{{name}}' }];
  return [404, { error: 'there is nothing here' }];
}

function main() {
  const server = http.createServer((request, response) => {
    const [status, body] = answer(request.url.split('?', 1)[0]);
    const text = `${JSON.stringify(body)}\n`;
    const head = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    response.writeHead(status, head);
    response.end(text);
  });
  // Requests that began are finished before the program ends.
  const stop = () => server.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  server.listen(Number(process.env.PORT || {{port}}), process.env.HOST || '127.0.0.1');
}

module.exports = { answer };
if (require.main === module) main();
