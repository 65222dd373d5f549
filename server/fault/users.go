package fault

import (
	"errors"

	"gatehouse/users"
)

// ofUsers gives an error of the accounts its code, or nil.
func ofUsers(err error) *Error {
	var invalid *users.InvalidError
	var refused *users.RefusedError
	var slowed *users.SlowedError
	switch {
	case errors.As(err, &invalid):
		return Invalid(invalid.Field, invalid.Why)
	case errors.As(err, &refused):
		return New(Forbidden, refused.Why)
	case errors.As(err, &slowed):
		return &Error{Code: RateLimited, Message: slowed.Error(), RetryAfter: slowed.Wait}
	case errors.Is(err, users.ErrUnknown):
		return New(NotFound, "there is no such user, session or property")
	case errors.Is(err, users.ErrWrong):
		return New(Unauthorized, users.ErrWrong.Error())
	case errors.Is(err, users.ErrNoSession):
		return New(Unauthorized, users.ErrNoSession.Error())
	case errors.Is(err, users.ErrKey):
		return New(InvalidKey, users.ErrKey.Error())
	case errors.Is(err, users.ErrTaken):
		return New(Taken, users.ErrTaken.Error())
	case errors.Is(err, users.ErrBusy):
		return New(Busy, users.ErrBusy.Error())
	}
	return nil
}
