// Speaks to the server of real_test.go through npm's socket.io-client, and says what it found; an error ends it.
//
//	node client.mjs MODULES URL TRANSPORTS

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';

const [modules, url, list] = process.argv.slice(2);
const { io } = createRequire(modules + '/')('socket.io-client');
const transports = list.split(',');

// Each with a connection of its own, but where several namespaces are to share one.
const open = (namespace = '', options = {}) =>
  io(url + namespace, { transports, forceNew: true, reconnectionDelay: 10, randomizationFactor: 0, ...options });
const next = (emitter, event, ms = 10_000) => once(emitter, event, { signal: AbortSignal.timeout(ms) });
const connected = async (socket) => {
  await next(socket, 'connect');
  if (transports.length > 1 && socket.io.engine.transport.name !== 'websocket') await next(socket.io.engine, 'upgrade');
  return socket;
};

const checks = {
  async 'auth and transport'() {
    const socket = open('', { auth: { token: 'ä', list: [1, null] } });
    const said = next(socket, 'auth');
    await connected(socket);
    assert.deepEqual(await said, [{ token: 'ä', list: [1, null] }]);
    assert.equal(socket.io.engine.transport.name, transports.at(-1));
    return socket;
  },

  async 'values there and back'() {
    const socket = await connected(open());
    const values = [1, -2.5, 'ä\u2028\u001e€😀', null, true, { a: [{ b: '' }] }, []];
    socket.emit('message', ...values);
    assert.deepEqual(await next(socket, 'message-back'), values);
    assert.deepEqual(await socket.emitWithAck('message-with-ack', ...values), values[0]);
    return socket;
  },

  async 'binary data there and back'() {
    const socket = await connected(open());
    const large = Buffer.alloc(200_000, 7);
    socket.emit('message', Buffer.from([0, 255]), { deep: [Buffer.alloc(0), 'text'] }, large);
    const [a, b, c] = await next(socket, 'message-back');
    assert.deepEqual([...a], [0, 255]);
    assert.equal(b.deep[0].length, 0);
    assert.equal(b.deep[1], 'text');
    assert.ok(large.equals(c));
    assert.deepEqual([...(await socket.emitWithAck('message-with-ack', Buffer.from([1, 2, 3])))], [1, 2, 3]);
    return socket;
  },

  async 'an answer that does not come'() {
    const socket = await connected(open());
    await assert.rejects(socket.timeout(100).emitWithAck('unknown'), /timed out/);
    return socket;
  },

  async 'the server asks'() {
    const socket = await connected(open());
    socket.on('question', (text, data, answer) => answer(text + '!', Buffer.concat([data, data])));
    socket.emit('ask');
    const [text, data] = await next(socket, 'answered');
    assert.equal(text, 'well?!');
    assert.deepEqual([...data], [1, 2, 1, 2]);
    socket.off('question');
    socket.emit('ask');
    assert.deepEqual(await next(socket, 'unanswered'), ['context deadline exceeded']);
    return socket;
  },

  async 'order, from the first moment'() {
    const socket = open();
    const heard = [];
    socket.on('message-back', (n) => heard.push(n));
    await next(socket, 'connect');
    for (let i = 0; i < 500; i++) {
      socket.emit('message', i);
      if (i % 50 === 0) await new Promise((go) => setTimeout(go, 1));
    }
    await socket.emitWithAck('message-with-ack', 'last');
    assert.deepEqual(heard, [...Array(500).keys()]);
    return socket;
  },

  async 'namespaces on one connection'() {
    const socket = await connected(open());
    const custom = socket.io.socket('/custom');
    await Promise.all([next(custom, 'auth'), next(custom, 'connect')]);
    assert.notEqual(custom.id, socket.id);
    custom.emit('message', 'custom');
    assert.deepEqual(await next(custom, 'message-back'), ['custom']);
    custom.disconnect();
    socket.emit('message', 'still');
    assert.deepEqual(await next(socket, 'message-back'), ['still']);
    custom.connect();
    await next(custom, 'connect');
    const nobody = socket.io.socket('/nobody');
    const [refusal] = await next(nobody, 'connect_error');
    assert.equal(refusal.message, 'Invalid namespace');
    return socket;
  },

  async 'refused, then let in'() {
    const socket = open('/guarded', { auth: { token: 'wrong' } });
    const [refusal] = await next(socket, 'connect_error');
    assert.equal(refusal.message, 'not you');
    socket.auth = { token: 'right' };
    socket.connect();
    await next(socket, 'connect');
    return socket;
  },

  async 'the server has it leave'() {
    const socket = await connected(open());
    socket.emit('leave');
    assert.equal((await next(socket, 'disconnect'))[0], 'io server disconnect');
    return socket;
  },

  async 'the server closes, and it comes back'() {
    const socket = await connected(open());
    for (let i = 0; i < 3; i++) {
      const before = socket.id;
      socket.emit('close');
      assert.match((await next(socket, 'disconnect'))[0], /transport (close|error)/);
      await connected(socket);
      assert.notEqual(socket.id, before);
      socket.emit('message', i);
      assert.deepEqual(await next(socket, 'message-back'), [i]);
    }
    return socket;
  },

  async 'a heartbeat'() {
    const socket = await connected(open());
    let pings = 0;
    socket.io.on('ping', () => pings++);
    while (pings < 3) await next(socket.io, 'ping');
    assert.ok(socket.connected);
    return socket;
  },
};

for (const [name, check] of Object.entries(checks)) {
  console.log(name);
  const socket = await check();
  socket.io._close();
}
console.log('all of it');
setTimeout(() => process.exit(0), 200); // goodbyes are still on their way
