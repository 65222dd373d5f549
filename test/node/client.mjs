// Holds many sockets of the npm package ws in one process, for the black-box tests, which are written in Go.
//
// Each line of standard input is a command, each line of standard output an event, both JSON, both with the
// `id` that the tests gave the socket:
//
//   {id, do: "open", url, headers, protocols}  then one of  open · unexpected-response · error
//   {id, do: "send", data, binary}      data is base64; a text frame carries it unchecked
//   {id, do: "ping", data}              then  pong
//   {id, do: "pause"}  {id, do: "resume"}  stop and go on reading from the network
//   {id, do: "close", code, reason}     then  close
//   {id, do: "terminate"}
//
// What a socket receives comes as {id, event: "message", data, binary}, its end as {id, event: "close",
// code, reason}.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

// CommonJS resolution honours NODE_PATH, where the tests say that ws is installed.
const WebSocket = createRequire(import.meta.url)('ws');

const sockets = new Map();

const tell = (id, event, more = {}) => process.stdout.write(JSON.stringify({ id, event, ...more }) + '\n');

function open({ id, url, headers, protocols }) {
  // Compression would make a frame of many bytes small on the wire; no test wants that.
  const ws = new WebSocket(url, protocols ?? [], { headers, perMessageDeflate: false });
  sockets.set(id, ws);
  ws.on('open', () => tell(id, 'open', { data: ws.protocol }));
  ws.on('message', (data, binary) => tell(id, 'message', { data: data.toString(), binary }));
  ws.on('pong', (data) => tell(id, 'pong', { data: data.toString() }));
  ws.on('error', (err) => tell(id, 'error', { message: err.message }));
  ws.on('close', (code, reason) => {
    sockets.delete(id);
    tell(id, 'close', { code, reason: reason.toString() });
  });
  ws.on('unexpected-response', (request, response) => {
    let body = '';
    response.on('data', (chunk) => (body += chunk));
    response.on('end', () => {
      tell(id, 'unexpected-response', { status: response.statusCode, data: body });
      request.destroy();
    });
  });
}

const act = {
  open,
  send: ({ id, data, binary }) => sockets.get(id)?.send(Buffer.from(data ?? '', 'base64'), { binary: binary ?? false }),
  ping: ({ id, data }) => sockets.get(id)?.ping(Buffer.from(data ?? '', 'base64')),
  pause: ({ id }) => sockets.get(id)?.pause(),
  resume: ({ id }) => sockets.get(id)?.resume(),
  close: ({ id, code, reason }) => sockets.get(id)?.close(code, reason),
  terminate: ({ id }) => sockets.get(id)?.terminate(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    act[command.do](command);
  } catch (err) { // one test's mistake must not end the sockets of the others
    tell(command.id, 'error', { message: err.message });
  }
}
process.exit(0);
