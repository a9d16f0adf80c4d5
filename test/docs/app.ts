// A web app for the pages: says on which host and port it is, and what it was asked for. Called with HOST PORT.

import http from 'node:http';

const [host, port] = process.argv.slice(2);
const app = http.createServer((request, response) => {
  response.end(`Hello from ${host}, port ${port}: ${request.url}\n`);
});
app.listen(Number(port), () => console.log('listening'));
