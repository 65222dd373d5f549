package config

// The comments of the fields below are also the descriptions in the JSON
// Schema (see schema.go), so they speak to who writes the file. The tags
// `jsonschema` are the limits that Load enforces; `reload:"live"` marks the
// keys that a running server takes over without a restart; writeOnly marks
// secrets.

// Config is the whole configuration of a server.
type Config struct {
	// The listener, the origin gate and the limits of the sockets.
	Websocket Websocket `json:"websocket"`
	// Where documents and their changes are kept.
	Store Store `json:"store"`
	// The MongoDB replica set. Only read when store.kind is "mongodb".
	MongoDB MongoDB `json:"mongodb"`
	// What is announced, and how much of it can be asked for again.
	Events Events `json:"events"`
	// Accounts and sessions.
	Users Users `json:"users"`
	// The SMTP server by which mails to users are sent, and the texts of the mails.
	Mail Mail `json:"mail"`
	// The update notifications over Socket.IO.
	SocketIO SocketIO `json:"socketio"`
	// Subscriptions to resources, and the API by which they are read and written.
	Realtime Realtime `json:"realtime"`
	// Players of games, their tickets and their sockets.
	Players Players `json:"players"`
	// How the command line reaches a running server.
	Control Control `json:"control"`
	// What the server writes to standard error.
	Log Log `json:"log"`
}

// Websocket is the section of the listener, its gate and its limits.
type Websocket struct {
	// The TCP port to listen on. 0 takes any free port; the server prints the one it got.
	Port int `json:"port" jsonschema:"minimum=0,maximum=65535"`
	// The name or address of the interface to listen on, without a port. Empty: all interfaces.
	Host string `json:"host" jsonschema:"format=host"`
	// Regular expressions (RE2). A socket is admitted when one of them matches its Origin: the header as sent, its host and port, or its host. They are searched for, so anchor them: ^example\.com$. An empty list approves nothing.
	ApprovedSocketDomains []string `json:"approvedSocketDomains" jsonschema:"maxItems=10000,minLength=1,format=re2" reload:"live"`
	// What becomes of a socket of the users API that sends no Origin, as programs do: "reject" or "allow".
	MissingOrigin string `json:"missingOrigin" jsonschema:"enum=reject,enum=allow" reload:"live"`
	// The scope that an access key must have for its socket to broadcast, such as write:events. Empty: every approved socket may.
	PublishScope string `json:"publishScope" jsonschema:"pattern=^([A-Za-z][A-Za-z0-9.:_-]*:[A-Za-z0-9._-]+)?$" reload:"live"`
	// The largest message that a client may send, in bytes. A larger one closes its socket with 1009.
	MaxMessageBytes int `json:"maxMessageBytes" jsonschema:"minimum=1,maximum=8388608" reload:"live"`
	// How many bytes may wait for one client. With more its socket is closed with 4008; it can return for what it missed.
	QueueBytes int `json:"queueBytes" jsonschema:"minimum=4096,maximum=1073741824" reload:"live"`
	// Seconds between two pings to a silent client, fractions allowed. 0: no pings.
	PingSeconds float64 `json:"pingSeconds" jsonschema:"minimum=0,maximum=3600"`
	// How many sockets may be open. 0: no limit.
	MaxConnections int `json:"maxConnections" jsonschema:"minimum=0,maximum=2147483647" reload:"live"`
	// How many sockets may be open from one IP address. 0: no limit.
	MaxConnectionsPerIP int `json:"maxConnectionsPerIP" jsonschema:"minimum=0,maximum=2147483647" reload:"live"`
	// How many messages a client may send in a second, fractions allowed. One above it is answered with RATE_LIMITED. 0: no limit.
	MessagesPerSecond float64 `json:"messagesPerSecond" jsonschema:"minimum=0,maximum=1000000" reload:"live"`
	// The IP addresses or networks (CIDR) of the proxies before the server. X-Forwarded-For counts only when it comes from one of them.
	TrustedProxies []string `json:"trustedProxies" jsonschema:"maxItems=10000,format=ip-or-cidr"`
	// Over how many seconds the sockets are told to go when the server stops, fractions allowed. 0: all at once.
	DrainSeconds float64 `json:"drainSeconds" jsonschema:"minimum=0,maximum=3600" reload:"live"`
	// The certificate to serve https and wss with. Without one the server speaks http and ws.
	TLS TLS `json:"tls"`
}

// TLS names the files of a certificate. Both are given or neither.
type TLS struct {
	// The file of the certificate chain (PEM), relative to the configuration file.
	Cert string `json:"cert"`
	// The file of the private key (PEM), relative to the configuration file.
	Key string `json:"key"`
}

// Store is the section of the document store.
type Store struct {
	// Which store: "embedded", one local file, or "mongodb", a replica set that several servers can share.
	Kind string `json:"kind" jsonschema:"enum=embedded,enum=mongodb"`
	// The file of the embedded store, relative to the configuration file.
	Path string `json:"path" jsonschema:"minLength=1"`
	// How far the change log of the embedded store reaches back. What is beyond either bound is forgotten.
	History History `json:"history"`
}

// History bounds the embedded store's change log by count and by age.
type History struct {
	// How many changes are kept.
	Events int `json:"events" jsonschema:"minimum=1,maximum=1000000000"`
	// For how many hours a change is kept, fractions allowed.
	Hours float64 `json:"hours" jsonschema:"exclusiveMinimum=0,maximum=87600"`
}

// MongoDB is the section of the MongoDB store.
type MongoDB struct {
	// The connection string, with its password where it has one. Better kept out of the file: GATEHOUSE_MONGODB__URI_FILE.
	URI string `json:"uri" jsonschema:"format=mongodb-uri,writeOnly=true"`
	// The name of the database.
	Database string `json:"database" jsonschema:"pattern=^[^/\\\\. \"$*<>:|?]{1\\,63}$"`
	// What stands before the names of the server's own collections, so that several deployments can share a database. The collections that rules name have no prefix.
	CollectionPrefix string `json:"collectionPrefix" jsonschema:"pattern=^([A-Za-z0-9_-]([A-Za-z0-9_.-]{0\\,30}))?$"`
	// The longest outage, in hours, after which nothing may be lost, fractions allowed. Where MongoDB's oplog reaches back less, the log and gatehouse doctor warn. 0: no warning.
	OutageHours float64 `json:"outageHours" jsonschema:"minimum=0,maximum=87600"`
}

// Events is the section of the events.
type Events struct {
	// How many events are kept in memory, ready to send to a client that returns. Older ones are read from the store.
	History int `json:"history" jsonschema:"minimum=1,maximum=10000000"`
	// What happens when the store no longer has changes that the server has not seen yet: "continue" from now, telling every client HISTORY_LOST, or "stop" the server after telling them.
	HistoryLost string `json:"historyLost" jsonschema:"enum=continue,enum=stop"`
	// The deployment's own events: which change of which collection is announced as what.
	Rules []Rule `json:"rules" jsonschema:"maxItems=1000" reload:"live"`
}

// Rule announces changes of a collection as an event of the deployment's own.
type Rule struct {
	// The event's type number, from 1000 up. No two rules may share one.
	Number int `json:"number" jsonschema:"required,minimum=1000,maximum=2147483647"`
	// The event's name, such as order-placed.
	Name string `json:"name" jsonschema:"required,pattern=^[a-z][a-z0-9]*(-[a-z0-9]+)*$,maxLength=64"`
	// The collection whose changes are announced.
	Collection string `json:"collection" jsonschema:"required,minLength=1,maxLength=120,pattern=^[^$\\x00]*$"`
	// The change that is announced: "insert", "update" (a replacement too), "delete" or "any".
	Operation string `json:"operation" jsonschema:"required,enum=insert,enum=update,enum=delete,enum=any"`
	// Dotted paths. When there are any, an update is announced only if it touched one of them.
	Fields []string `json:"fields,omitempty" jsonschema:"maxItems=100,format=dotted-path"`
	// Dotted paths and the values that the document must have there: after the change, before a delete.
	Where map[string]any `json:"where,omitempty"`
	// The event's properties, each with the dotted path of its value. What the document lacks is left out.
	Properties map[string]string `json:"properties,omitempty"`
	// The dotted path of the name of the user whom the event is about.
	Username string `json:"username,omitempty" jsonschema:"format=dotted-path"`
}

// Users is the section of accounts and sessions.
type Users struct {
	// What a new account needs before it may log in: "none", "admin" (an administrator's approval) or "email" (a confirmed address).
	Activation string `json:"activation" jsonschema:"enum=none,enum=admin,enum=email" reload:"live"`
	// For how many hours a session lasts, fractions allowed.
	SessionHours float64 `json:"sessionHours" jsonschema:"exclusiveMinimum=0,maximum=87600" reload:"live"`
	// Where people reach this server, such as https://users.example.com: the links in mails begin with it. Empty: http://localhost and the port.
	URL string `json:"url" jsonschema:"format=http-url" reload:"live"`
	// The cost of the hashes of passwords (bcrypt). One more doubles the time that a login takes, and that a guess takes who has stolen the hashes.
	BcryptCost int `json:"bcryptCost" jsonschema:"minimum=4,maximum=14" reload:"live"`
	// For how many hours the link works that confirms an address, fractions allowed.
	KeyHours float64 `json:"keyHours" jsonschema:"exclusiveMinimum=0,maximum=8760" reload:"live"`
	// For how many minutes the link works with which a new password is chosen, fractions allowed.
	ResetMinutes float64 `json:"resetMinutes" jsonschema:"exclusiveMinimum=0,maximum=10080" reload:"live"`
	// How many accounts may be registered from one IP address in an hour. 0: no limit.
	RegistrationsPerHour int `json:"registrationsPerHour" jsonschema:"minimum=0,maximum=1000000" reload:"live"`
	// How many failed logins from one IP address to one account are free of a wait. Each further one doubles the wait, up to 15 minutes. 0: no limit.
	FailedLogins int `json:"failedLogins" jsonschema:"minimum=0,maximum=1000" reload:"live"`
}

// Mail is the section of the mails to users.
type Mail struct {
	// The name or address of the SMTP server that takes the mails, without a port. Empty: none is sent, and the links that would be in them are written to the log.
	Host string `json:"host" jsonschema:"format=host"`
	// The TCP port of the SMTP server: usually 587 with "starttls", 465 with "tls".
	Port int `json:"port" jsonschema:"minimum=1,maximum=65535"`
	// The name to log in to the SMTP server with. Empty: without a login.
	Username string `json:"username"`
	// The password to log in to the SMTP server with. Better kept out of the file: GATEHOUSE_MAIL__PASSWORD_FILE.
	Password string `json:"password" jsonschema:"writeOnly=true"`
	// The address that the mails come from, such as Gatehouse <no-reply@example.com>. Needed where mail.host is given.
	From string `json:"from" jsonschema:"format=mail-address"`
	// How the connection to the SMTP server is encrypted: "starttls" (it must offer that), "tls" (from the first byte) or "none" (mails and password can be read on the way).
	TLS string `json:"tls" jsonschema:"enum=starttls,enum=tls,enum=none"`
	// The folder of the deployment's own texts of mails, relative to the configuration file. A text that is not in it is the built in one. Empty: all are built in.
	Templates string `json:"templates"`
}

// SocketIO is the section of Socket.IO.
type SocketIO struct {
	// Milliseconds from a client's answer to the next ping.
	PingIntervalMs int `json:"pingIntervalMs" jsonschema:"minimum=100,maximum=3600000"`
	// How many milliseconds a client may take to answer a ping.
	PingTimeoutMs int `json:"pingTimeoutMs" jsonschema:"minimum=100,maximum=3600000"`
	// How many milliseconds a client may take to join a namespace.
	ConnectTimeoutMs int `json:"connectTimeoutMs" jsonschema:"minimum=100,maximum=3600000"`
	// The most that a client may send in one packet or one POST, in bytes.
	MaxPayload int `json:"maxPayload" jsonschema:"minimum=1000,maximum=8388608"`
}

// Realtime is the section of resources.
type Realtime struct {
	// Who shows no credentials may read and follow public collections and live configuration.
	Anonymous bool `json:"anonymous" reload:"live"`
	// How many resources one socket may be subscribed to.
	Subscriptions int `json:"subscriptions" jsonschema:"minimum=1,maximum=1000000" reload:"live"`
}

// Players is the section of players of games.
type Players struct {
	// For how many seconds a ticket opens a socket, once, fractions allowed.
	TicketSeconds float64 `json:"ticketSeconds" jsonschema:"exclusiveMinimum=0,maximum=86400" reload:"live"`
	// For how many seconds a socket token identifies a player, fractions allowed.
	SocketTokenSeconds float64 `json:"socketTokenSeconds" jsonschema:"exclusiveMinimum=0,maximum=31536000" reload:"live"`
	// How many requests for tickets, identifications and socket tokens an access key may make from one address in a minute.
	TicketsPerMinute int `json:"ticketsPerMinute" jsonschema:"minimum=1,maximum=1000000" reload:"live"`
	// How many other requests an access key may make from one address in a minute.
	RequestsPerMinute int `json:"requestsPerMinute" jsonschema:"minimum=1,maximum=1000000" reload:"live"`
	// How many frames a socket may send in a minute before it is identified. At the fourth warning it is closed.
	FramesPerMinute int `json:"framesPerMinute" jsonschema:"minimum=1,maximum=1000000" reload:"live"`
	// How many frames a socket may send in a minute once it is identified.
	IdentifiedFramesPerMinute int `json:"identifiedFramesPerMinute" jsonschema:"minimum=1,maximum=1000000" reload:"live"`
	// The organization whose live configuration named game is told to games.
	Organization string `json:"organization" jsonschema:"minLength=1,maxLength=128" reload:"live"`
	// The project of that organization.
	Project string `json:"project" jsonschema:"minLength=1,maxLength=128" reload:"live"`
}

// Control is the section of the control socket.
type Control struct {
	// The path of the Unix socket by which the command line reaches a running server, relative to the configuration file. Empty: beside the embedded store's file, with .sock appended; with MongoDB, in the user's runtime folder.
	Socket string `json:"socket"`
}

// Log is the section of the server's log.
type Log struct {
	// The least severe entries that are written: "debug", "info", "warn" or "error".
	Level string `json:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error" reload:"live"`
	// "text" for people, "json" for programs.
	Format string `json:"format" jsonschema:"enum=text,enum=json"`
}

// Default is the configuration where nothing is given. It approves no origin.
// Paths are as they stand in a file, not yet resolved.
func Default() Config {
	return Config{
		Websocket: Websocket{
			Port:                  8080,
			ApprovedSocketDomains: []string{},
			MissingOrigin:         "reject",
			MaxMessageBytes:       64 << 10,
			QueueBytes:            1 << 20,
			PingSeconds:           25,
			TrustedProxies:        []string{},
			DrainSeconds:          10,
		},
		Store: Store{
			Kind:    "embedded",
			Path:    "gatehouse.db",
			History: History{Events: 1_000_000, Hours: 7 * 24},
		},
		MongoDB: MongoDB{
			URI:         "mongodb://127.0.0.1:27017/?replicaSet=rs0",
			Database:    "gatehouse",
			OutageHours: 24,
		},
		Events: Events{History: 10_000, HistoryLost: "continue", Rules: []Rule{}},
		Users: Users{
			Activation:           "none",
			SessionHours:         14 * 24,
			BcryptCost:           12,
			KeyHours:             24,
			ResetMinutes:         60,
			RegistrationsPerHour: 20,
			FailedLogins:         5,
		},
		Mail:     Mail{Port: 587, TLS: "starttls"},
		SocketIO: SocketIO{PingIntervalMs: 25_000, PingTimeoutMs: 20_000, ConnectTimeoutMs: 45_000, MaxPayload: 1_000_000},
		Realtime: Realtime{Subscriptions: 1000},
		Players:  Players{TicketSeconds: 300, SocketTokenSeconds: 3600, TicketsPerMinute: 20, RequestsPerMinute: 100, FramesPerMinute: 300, IdentifiedFramesPerMinute: 3600, Organization: "default", Project: "default"},
		Log:      Log{Level: "info", Format: "text"},
	}
}
