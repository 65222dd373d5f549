package players

import (
	"strings"

	"gatehouse/server/wsconn"
)

// failure is why a request was not done, as sockets are told.
type failure struct {
	Req       string `json:"req"`
	Message   string `json:"message"`
	ErrorCode string `json:"errorCode"`
	Cause     string `json:"cause,omitempty"`
}

const unknown = "unknown" // in place of a request that cannot be told

var (
	tooOften   = failure{unknown, "Rate limit exceeded", "RATE_LIMIT_EXCEEDED", ""}
	noJSON     = failure{unknown, "An error occurred while routing the message", "ROUTING_ERROR", ""}
	wrongFrame = func(frame string) failure {
		return failure{unknown, "Invalid message request", "INVALID_MESSAGE", frame}
	}
	wrongData = func(req, data string) failure {
		return failure{req, "Invalid message data for request", "INVALID_MESSAGE_DATA", data}
	}
	noPlayer = func(req string) failure {
		return failure{req, "You must identify a player before sending this request", "NO_PLAYER_FOUND", ""}
	}
	wrongToken = func(req string) failure { return failure{req, "Invalid socket token", "INVALID_SOCKET_TOKEN", ""} }
	notHandled = func(req string) failure { return failure{req, "Request not handled", "UNHANDLED_REQUEST", ""} }
	failed     = func(req, cause string) failure {
		return failure{req, "An error occurred while processing the message", "LISTENER_ERROR", cause}
	}
	lacksScopes = func(req string, scopes []string) failure {
		return failure{req, lacks(scopes), "MISSING_ACCESS_KEY_SCOPES", ""}
	}
)

// lacks says which scopes a key has not.
func lacks(scopes []string) string {
	return "Missing access key scope(s): " + strings.Join(scopes, ", ")
}

func (f failure) frame() *wsconn.Batch { return message("v1.error", f) }
