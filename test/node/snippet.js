// The snippets of the API's description, joined. Mended is only what keeps them from running at all: the
// declaration of wsClient, `..on`, a missing `)`, and that sending waits for `open`.

var ws = require('ws');

// This URL is based on the host & port of your config
var socketUrl = "ws://localhost:8020";

// Make sure the origin is set, and added to the approvedSocketDomains of the users config
var wsClient = new ws( socketUrl, { headers: { origin: "trusted-host" } });

wsClient.on('open', function () {
    // The connection has been opened
    wsClient.send(JSON.stringify({ eventType: 10, message : "Hello world?" }))
});

wsClient.on('error', function (err) {
    // Something went wrong
});

wsClient.on('close', function () {
    // The connection has been closed
});

wsClient.on('message', function (data) {

    // The server sent you an event
    var echoEvent = JSON.parse(data);

    // Do something based on the event type:
    if ( echoEvent.eventType === 10 )
        console.log('We got an echo: ' + echoEvent.message );
});
