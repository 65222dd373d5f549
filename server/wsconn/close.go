package wsconn

// Close codes that the server sends. Those below 4000 are of RFC 6455; 4000 and
// up are this server's own.
const (
	CloseGoingAway     = 1001 // the server is going down: come back, perhaps elsewhere
	CloseProtocolError = 1002
	CloseInvalidText   = 1007 // a text frame that is not UTF-8
	ClosePolicy        = 1008 // the Origin is no longer approved; a message took too long
	CloseTooBig        = 1009 // a message was larger than it may be
	CloseTryAgain      = 1013 // too much was waiting, of what the server does not keep
	CloseTooSlow       = 4008 // too much was waiting; the reason is the id of the last event sent
)

// Cause says why a connection ended; metrics and logs count by it.
type Cause string

// The causes.
const (
	CauseClient   Cause = "client"   // the client closed it, or its line was cut
	CauseServer   Cause = "server"   // Close was called: drain, an Origin withdrawn
	CauseSlow     Cause = "slow"     // too much waited for it, or it took nothing for too long
	CauseProtocol Cause = "protocol" // it broke the protocol or a limit
	CauseSilent   Cause = "silent"   // it answered no ping
)
